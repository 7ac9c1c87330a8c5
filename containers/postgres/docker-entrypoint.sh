#!/bin/bash
# Starts PostgreSQL, making the data directory at the first start.
#
#   POSTGRES_PASSWORD          the superuser's password; needed unless the method is `trust`
#   POSTGRES_USER              the superuser, instead of postgres
#   POSTGRES_DB                the database to make; the user's name if unset
#   POSTGRES_HOST_AUTH_METHOD  how clients over TCP log in, instead of scram-sha-256
#   POSTGRES_INITDB_ARGS       more arguments for initdb (quotes are honoured, nothing is expanded)
#   …_FILE                     each of these, read from a file (as root, if started as root)
#   /docker-entrypoint-initdb.d/*.sql, *.sql.gz, *.sql.zst, *.sh   run once, in order of name
#
# A first start may be killed at any moment. A marker file stands in the directory before anything
# else does and is removed, on disk, before the server first listens on TCP. So: no marker, and the
# directory may hold data and is never cleared; marker, and it never served, so it is made again
# from nothing, including the init scripts when one of them failed.
set -Eeuo pipefail

prepared=/usr/local/share/poststack/cluster.tar.zst
sockets=/var/run/postgresql
scripts=/docker-entrypoint-initdb.d
marker=$PGDATA/poststack-first-start-unfinished

say() { printf 'poststack: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

complete() { [ -s "$PGDATA/PG_VERSION" ] && [ ! -e "$marker" ]; }

# Other images keep the data at the root of the volume, or from 18 on in <major>/docker. A new database beside them would hide them.
check_layout() {
  local folder
  for folder in "${PGDATA%/*}" "${PGDATA%/*}"/*/docker; do
    [ ! -s "$folder/PG_VERSION" ] || fail "$folder holds the database of another image, of PostgreSQL $(<"$folder/PG_VERSION")," \
      "and this one keeps its own in $PGDATA; nothing was touched. Use that image, or dump there and restore into a new volume"
  done
}

read_files() {
  local name file
  for name in POSTGRES_{PASSWORD,USER,DB,HOST_AUTH_METHOD,INITDB_ARGS}; do
    file=${name}_FILE
    [ -n "${!file:-}" ] || continue
    [ -z "${!name:-}" ] || fail "$name and $file are both set: set one of them"
    [ -r "${!file}" ] || fail "$file names ${!file}, which user $(id -u) cannot read"
    export "$name=$(<"${!file}")"
    unset "$file"
  done
}

check_name() { # what it is, the name
  local LC_ALL=C # count bytes: PostgreSQL silently cuts a name at 63 of them
  [ "${#2}" -le 63 ] || fail "$1 is longer than PostgreSQL's 63 bytes"
  case $2 in *$'\n'* | *$'\r'*) fail "$1 contains a line break" ;; esac
}

check_settings() {
  check_name POSTGRES_USER "$POSTGRES_USER"
  check_name POSTGRES_DB "$POSTGRES_DB"
  case $POSTGRES_PASSWORD in
    *$'\n'* | *$'\r'*) fail 'the password contains a line break' ;;
    '') [ "$POSTGRES_HOST_AUTH_METHOD" = trust ] || fail 'there is no database yet and no password for its superuser:' \
      'set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE (or POSTGRES_HOST_AUTH_METHOD=trust, which lets anybody in)' ;;
  esac
  [ -z "${POSTGRES_INITDB_WALDIR:-}" ] || fail 'POSTGRES_INITDB_WALDIR is not supported: put --waldir into POSTGRES_INITDB_ARGS'
}

# The lock of the killed server for the init scripts: its process id may be that of another process now, and PostgreSQL would
# take that for a server which still runs.
drop_lock() {
  local lock=$sockets/.s.PGSQL.${PGPORT:-5432}.lock
  [ "$(sed -n 2p "$lock" 2>/dev/null)" != "$PGDATA" ] || rm -f "$lock"
}

# The directory is ours to fill: new, or our own unfinished one.
claim_directory() {
  if [ -e "$marker" ]; then
    say "the last first start did not finish, and $PGDATA never served: making it again"
    find "$PGDATA" -mindepth 1 ! -path "$marker" -delete
    drop_lock
  elif [ -n "$(ls -A "$PGDATA")" ]; then
    fail "$PGDATA is not empty and holds no database; nothing was touched. Empty it, or set PGDATA to a folder below it"
  fi
  chmod 0700 "$PGDATA"
  echo 'While this file exists, the directory is not finished and is cleared by the next start.' >"$marker"
  sync "$marker" "$PGDATA"
}

# The prepared directory serves when initdb would make the same.
prepared_fits() {
  [ -z "${POSTGRES_INITDB_ARGS:-}${!LC_*}" ] && [ "$POSTGRES_HOST_AUTH_METHOD" = scram-sha-256 ] &&
    [ "${LANG:-}" = C.UTF-8 ] && case ${TZ:-UTC} in UTC | Etc/UTC) ;; *) false ;; esac
}

run_initdb() {
  local args=() words new=$PGDATA/.new # initdb wants an empty directory, and ours has the marker
  words=$(xargs -rn1 printf '%s\n' <<<"${POSTGRES_INITDB_ARGS:-}") || fail 'POSTGRES_INITDB_ARGS has an unpaired quote'
  [ -z "$words" ] || mapfile -t args <<<"$words"
  if [ -n "$POSTGRES_PASSWORD" ]; then
    exec 8< <(printf '%s\n' "$POSTGRES_PASSWORD") # a pipe, so the password is in no file and no argument
    args=(--pwfile=/dev/fd/8 "${args[@]}")
  fi
  poststack-initdb -D "$new" --username="$POSTGRES_USER" --auth-host="$POSTGRES_HOST_AUTH_METHOD" "${args[@]}" >&2
  mv "$new"/* "$PGDATA/" && rmdir "$new"
}

quote() { printf '%s%s%s' "$1" "${2//"$1"/"$1$1"}" "$1"; } # the quotation mark, the text

# One statement a paragraph, as `postgres --single -j` reads them.
first_statements() { # `prepared` if the directory is
  local role; role=$(quote '"' "$POSTGRES_USER")
  if [ "$1" = prepared ]; then
    printf 'ALTER ROLE postgres PASSWORD %s;\n\n' "$(quote "'" "$POSTGRES_PASSWORD")"
    if [ "$POSTGRES_USER" != postgres ]; then
      # `initdb --username` names this same role. A session cannot rename its own role, so it becomes another.
      printf 'CREATE ROLE "poststack rename" SUPERUSER;\n\nSET SESSION AUTHORIZATION "poststack rename";\n\n'
      printf 'ALTER ROLE postgres RENAME TO %s;\n\n' "$role"
      printf 'SET SESSION AUTHORIZATION %s;\n\nDROP ROLE "poststack rename";\n\n' "$role"
    fi
  fi
  # Copying files instead of writing WAL: 10 ms instead of 40, and nobody else is connected.
  case $POSTGRES_DB in postgres | template[01]) ;;
    *) printf 'CREATE DATABASE %s STRATEGY file_copy;\n\n' "$(quote '"' "$POSTGRES_DB")" ;; esac
}

# Single-user mode: no socket at all, and a third of the time that a private server takes.
# -F: no fsync, as `first_start` syncs everything at its end. A statement in the log would show the password.
run_statements() {
  first_statements "$1" | postgres --single -jF -D "$PGDATA" -c exit_on_error=on -c log_checkpoints=off \
    -c log_min_error_statement=panic postgres >/dev/null
}

run_script() {
  local psql=(psql --no-psqlrc --quiet --no-password -v ON_ERROR_STOP=1)
  say "running $1"
  case $1 in
    *.sh) if [ -x "$1" ]; then "$1"; else (set +u; . "$1"); fi ;;
    *.sql) "${psql[@]}" -f "$1" ;;
    *.sql.gz) gunzip -c "$1" | "${psql[@]}" ;;
    *.sql.zst) zstd -dc "$1" | "${psql[@]}" ;;
    *) say "ignored: $1 is not one of *.sql, *.sql.gz, *.sql.zst, *.sh" ;;
  esac
}

# The scripts meet the server as it will run, with its arguments, but on a Unix socket only.
run_scripts() {
  local server script
  "$@" -c listen_addresses= -c unix_socket_directories="$sockets" -c port="${PGPORT:-5432}" &
  server=$!
  trap 'kill -INT "$server" 2>/dev/null && wait "$server"' EXIT
  export PGHOST=$sockets PGUSER=$POSTGRES_USER PGDATABASE=$POSTGRES_DB PGPASSWORD=$POSTGRES_PASSWORD
  until pg_isready -q; do
    kill -0 "$server" 2>/dev/null || fail 'the server did not start'
    sleep 0.05
  done
  for script in "$scripts"/*; do run_script "$script"; done
  trap - EXIT; kill -INT "$server"; wait "$server"
}

first_start() {
  check_settings
  claim_directory
  if prepared_fits; then
    tar -C "$PGDATA" --zstd -xf "$prepared"
    poststack-new-identity "$PGDATA"
    run_statements prepared
  else
    run_initdb
    run_statements made
  fi
  if [ -n "$(ls -A "$scripts" 2>/dev/null)" ]; then run_scripts "$@"; fi
  sync -f "$PGDATA" "$PGDATA/pg_wal/"
  rm "$marker"
  sync "$PGDATA"
}

case ${1:--} in -) set -- postgres ;; -*) set -- postgres "$@" ;; esac
[ "$1" = postgres ] || exec "$@"
for arg; do case $arg in --help | -\? | --version | -V | --describe-config) exec "$@" ;; esac; done

complete || check_layout
if [ "$(id -u)" = 0 ]; then
  complete || read_files
  mkdir -p "$PGDATA"
  # Depth first: if this is cut short, the top still has its old owner and the next start goes on.
  if [ "$(stat -c %U "$PGDATA")" != postgres ]; then
    find "$PGDATA" -depth ! -user postgres -exec chown -h postgres:postgres {} +
  fi
  install -d -o postgres -g postgres -m 3777 "$sockets"
  HOME=~postgres exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

mkdir -p "$PGDATA"
[ -w "$PGDATA" ] || fail "user $(id -u) cannot write to $PGDATA"
# One server a directory. PostgreSQL's own lock file names a process id, which says nothing across containers;
# this lock is the kernel's, lives as long as the server (which inherits it), and leaves nothing behind.
exec 9<"$PGDATA"
flock -E 75 -w 10 9 || [ $? != 75 ] || fail "another server uses $PGDATA"

if complete; then
  version=$(<"$PGDATA/PG_VERSION")
  [ "$version" = "$PG_MAJOR" ] || fail "$PGDATA is of PostgreSQL $version and this is $PG_MAJOR:" \
    "use the image of $version, or dump there and restore into a new volume"
else
  read_files
  export POSTGRES_USER=${POSTGRES_USER:-postgres} POSTGRES_PASSWORD=${POSTGRES_PASSWORD:-}
  export POSTGRES_DB=${POSTGRES_DB:-$POSTGRES_USER} POSTGRES_HOST_AUTH_METHOD=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
  # In the background, because a shell answers a signal only while it waits, and process 1 has no default answers.
  trap 'fail "stopped during the first start; the next one begins again"' INT TERM
  first_start "$@" &
  wait $! || { [ ! -e "$marker" ] || say 'the first start failed; the next one begins again from nothing'; exit 1; }
  trap - INT TERM
fi

# The server has no use for it, and its environment can be read from SQL by some extensions.
unset POSTGRES_PASSWORD PGPASSWORD
exec "$@"
