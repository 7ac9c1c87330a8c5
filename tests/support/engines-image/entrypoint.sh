#!/usr/bin/env bash
# Makes the cluster on the first start, then becomes the server. Any other command is run as it is.
set -euo pipefail

# from_file NAME: NAME_FILE names a file that holds the value, so that a secret stays out of the environment.
from_file() {
  local file_variable=$1_FILE
  [ -z "${!file_variable:-}" ] || printf -v "$1" '%s' "$(<"${!file_variable}")"
}

server() { pg_ctl -D "$PGDATA" -w "$@" >/dev/null; }
sql() { psql -X -q -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --no-password "$@"; }

initialise() {
  from_file POSTGRES_PASSWORD
  from_file POSTGRES_USER
  from_file POSTGRES_DB
  from_file POSTGRES_INITDB_ARGS
  : "${POSTGRES_USER:=postgres}" "${POSTGRES_PASSWORD:=}"
  : "${POSTGRES_DB:=$POSTGRES_USER}" "${POSTGRES_INITDB_ARGS:=}" "${POSTGRES_HOST_AUTH_METHOD:=}"
  if [ -z "$POSTGRES_PASSWORD" ] && [ "$POSTGRES_HOST_AUTH_METHOD" != trust ]; then
    echo 'Error: Database is uninitialized and superuser password is not specified.' >&2
    echo '       Set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE.' >&2
    exit 1
  fi

  local -a arguments=()
  read -ra arguments <<<"$POSTGRES_INITDB_ARGS"
  # initdb refuses an empty file; a password nobody set is not used under `trust`.
  initdb -D "$PGDATA" --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD:-unused}") "${arguments[@]}"
  printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"

  # On the socket only: whoever asks over TCP must not take this first start for the real one.
  server -o "-c listen_addresses='' -p 5432" start
  export PGPASSWORD=$POSTGRES_PASSWORD
  if [ "$POSTGRES_DB" != postgres ]; then
    sql --dbname postgres -v name="$POSTGRES_DB" <<<'CREATE DATABASE :"name";'
  fi
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
      *.sql) sql --dbname "$POSTGRES_DB" -f "$file" ;;
      *.sql.gz) gunzip -c "$file" | sql --dbname "$POSTGRES_DB" ;;
    esac
  done
  unset PGPASSWORD
  server -m fast stop
  echo
  echo 'PostgreSQL init process complete; ready for start up.'
  echo
}

case ${1:-} in -*) set -- postgres "$@" ;; esac
if [ "${1:-}" = postgres ]; then
  if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    find "$PGDATA" ! -user postgres -exec chown postgres:postgres {} +
    chmod 700 "$PGDATA"
    exec setpriv --reuid=postgres --regid=postgres --init-groups bash "$0" "$@"
  fi
  [ -s "$PGDATA/PG_VERSION" ] || initialise
fi
exec "$@"
