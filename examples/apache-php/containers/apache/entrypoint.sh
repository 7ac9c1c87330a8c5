#!/bin/bash
set -e

# Only our own variables: Apache has others of the same form.
ours='$SERVER_NAME $SITE_TITLE $DB_HOST $DB_PORT $DB_NAME $DB_USER $DB_PASS'
envsubst "$ours" < /etc/apache2/apache2.conf.template > /etc/apache2/apache2.conf
envsubst "$ours" < /etc/apache2/sites-available/visitors.conf.template > /etc/apache2/sites-available/visitors.conf
a2ensite --quiet visitors

# What Debian's apache2ctl does; without it between, Apache gets the signal to stop.
. /etc/apache2/envvars
mkdir -p "$APACHE_RUN_DIR" "$APACHE_LOCK_DIR"
rm -f "$APACHE_PID_FILE"

exec "$@"
