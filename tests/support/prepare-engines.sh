#!/usr/bin/env bash
# Makes a Debian machine ready for the tests that need container engines, a second version of PostgreSQL, or PgBouncer:
#
#   tests/support/prepare-engines.sh           podman, Docker, and the images the tests use, in both; PostgreSQL 15; PgBouncer;
#                                              a user who runs podman with the same images
#   eval "$(tests/support/prepare-engines.sh --env)"   tells this shell where the Docker engine listens
#
# For machines that exist to run tests: it installs packages, may start dockerd in the background, and adds a file to
# /etc/containers/containers.conf.d. It wants root and a Debian mirror, and no registry: the images
# docker.io/library/debian:trixie-slim and docker.io/library/postgres:17 are made from Debian's packages. Where systemd
# runs, the machine may be somebody's own, and it refuses unless CI or POSTSTACK_TEST_MACHINE=1 is set.
#
# Run it as often as you like. What is there is kept: an engine that answers, an image of the right name.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
state=/var/lib/poststack-tests   # dockerd's data and log
cache=/var/cache/poststack-tests # the root file system the images begin with
run=/run/poststack-tests         # sockets and locks
own_socket=unix://$run/docker.sock
base=docker.io/library/debian:trixie-slim
postgres=docker.io/library/postgres:17
label=dev.poststack.test-image
docker_host=

export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive PODMAN_IGNORE_CGROUPSV1_WARNING=1 PATH=$PATH:/usr/sbin:/sbin
unset DOCKER_CONTEXT

say() { echo "prepare-engines: ${SECONDS} s: $*" >&2; }
fail() { echo "prepare-engines: $*" >&2; exit 1; }
# logged NAME COMMAND...: quiet while it works, its last words when it fails
logged() {
  local log=$cache/$1.log; shift
  "$@" >"$log" 2>&1 </dev/null || { tail -n 30 "$log" >&2; fail "'$1' failed; all it said: $log"; }
}
with_systemd() { [ -d /run/systemd/system ]; }
on_docker() { DOCKER_HOST=$docker_host docker "$@"; }

check_machine() {
  [ "$(id -u)" = 0 ] || fail 'needs root'
  command -v apt-get >/dev/null || fail 'needs Debian: there is no apt-get'
  if with_systemd && [ -z "${CI:-}" ] && [ "${POSTSTACK_TEST_MACHINE:-}" != 1 ]; then
    fail 'this may be your own computer: set POSTSTACK_TEST_MACHINE=1 if packages and services may be changed here'
  fi
}

install_packages() {
  local wanted=(mmdebstrap iptables podman runc netavark aardvark-dns catatonit uidmap slirp4netns docker.io pgbouncer tmux chromium fonts-dejavu-core zsh fish) missing=() name
  # Debian 12 has PostgreSQL 15; on a release that has another one, the tests on 15 are skipped
  # shellcheck disable=SC1091 # the machine's own
  [ "$(. /etc/os-release && echo "${VERSION_ID:-}")" != 12 ] || wanted+=(postgresql-15)
  # trixie's signing keys came to Debian 12 with an update
  compgen -G '/usr/share/keyrings/*trixie*' >/dev/null || missing+=(debian-archive-keyring)
  for name in "${wanted[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  # Programs only: tests make their own servers, and Debian's would take port 5432
  if [[ " ${missing[*]} " == *' postgresql-15 '* ]]; then no_main_cluster; fi
  if [ ${#missing[@]} -gt 0 ]; then install_with_apt "${missing[@]}"; fi
  # Debian 13 and later keep the client in a package of its own
  command -v docker >/dev/null || install_with_apt docker-cli
}

no_main_cluster() {
  local file=/etc/postgresql-common/createcluster.conf line='create_main_cluster = false'
  mkdir -p "${file%/*}"
  grep -qx "$line" "$file" 2>/dev/null || echo "$line" >>"$file"
}

install_with_apt() {
  local policy=/usr/sbin/policy-rc.d made=
  say "installing $*"
  logged apt-update apt-get -q -o DPkg::Lock::Timeout=120 update
  # Without systemd the package would still try to start dockerd, before this script has chosen how
  if ! with_systemd && [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    made=1
  fi
  trap '[ -z "'"$made"'" ] || rm -f '"$policy" EXIT
  logged apt-install apt-get -q -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-unsafe-io \
    -o Dpkg::Options::=--force-confold install -y --no-install-recommends "$@"
  [ -z "$made" ] || rm -f $policy
  trap - EXIT
}

# ---- what this kernel and these rights allow ----

can_raise_limits() { # CAP_SYS_RESOURCE is bit 24
  local mask; mask=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
  (((16#$mask >> 24) & 1))
}
limit() { # limit FLAG MOST: what a container may be given at most
  local hard; hard=$(ulimit -H"$1")
  if [ "$hard" = unlimited ] || [ "$hard" -gt "$2" ]; then echo "$2"; else echo "$hard"; fi
}

configure_podman() {
  local file=/etc/containers/containers.conf.d/50-poststack-tests.conf engine=() containers=() text
  # crun, podman's first choice, refuses the mixed kind of cgroups
  [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || engine+=('runtime = "runc"')
  with_systemd || engine+=('cgroup_manager = "cgroupfs"' 'events_logger = "file"')
  # podman asks for limits above the hard ones, and a container would not start
  can_raise_limits || containers+=("default_ulimits = [\"nofile=$(limit n 20000):$(limit n 20000)\", \"nproc=$(limit u 32768):$(limit u 32768)\"]")
  [ $((${#engine[@]} + ${#containers[@]})) -gt 0 ] || return 0
  text=$(printf '%s\n' '# Made by tests/support/prepare-engines.sh of Poststack; may be deleted.' \
    '[engine]' "${engine[@]}" '[containers]' "${containers[@]}")
  [ "$(cat "$file" 2>/dev/null)" != "$text" ] || return 0
  mkdir -p "${file%/*}"
  printf '%s\n' "$text" >"$file"
  say "wrote $file"
}

# ---- Docker's engine ----

answers() { DOCKER_HOST=$1 timeout 5 docker version >/dev/null 2>&1; }

# Sockets of the dockerd processes that share this machine's network. A second engine beside one of them would fight with
# it over the bridge and the firewall.
sockets_in_use() {
  local process
  for process in /proc/[0-9]*; do
    [ "$(cat "$process/comm" 2>/dev/null)" = dockerd ] || continue
    [ "$(readlink "$process/ns/net")" = "$(readlink /proc/self/ns/net)" ] || continue
    tr '\0' '\n' <"$process/cmdline" | grep -o 'unix://.*' || true
  done
}

find_docker() {
  local candidate
  for candidate in ${DOCKER_HOST:+"$DOCKER_HOST"} "$own_socket" unix:///var/run/docker.sock $(sockets_in_use); do
    if [[ $candidate == unix://* && ! -S ${candidate#unix://} ]]; then continue; fi
    if answers "$candidate"; then docker_host=$candidate; return 0; fi
  done
  return 1
}

start_docker() {
  local arguments=(--data-root "$state/docker" --exec-root "$run/docker" --pidfile "$run/docker.pid" -H "$own_socket") device
  # A machine kept without its processes still has /run: an old pid in there may belong to another program by now
  rm -rf "$run/docker" "$run/docker.pid" "${own_socket#unix://}"
  mkdir -p "$state"
  # Where the way out takes smaller packets than a bridge assumes, large answers never arrive in containers
  device=$(awk '$2 == "00000000" { print $1; exit }' /proc/net/route)
  if [ -r "/sys/class/net/${device:-none}/mtu" ]; then arguments+=(--mtu "$(<"/sys/class/net/$device/mtu")"); fi
  can_raise_limits || arguments+=(--default-ulimit "nofile=$(limit n 20000):$(limit n 20000)")
  # Without the lock's descriptor, or the lock would be held for as long as dockerd lives
  setsid --fork dockerd "${arguments[@]}" >>"$state/dockerd.log" 2>&1 </dev/null 9>&-
  local deadline=$((SECONDS + 60))
  until answers "$own_socket"; do
    [ $SECONDS -lt $deadline ] || { tail -n 30 "$state/dockerd.log" >&2; fail "dockerd does not answer; its log: $state/dockerd.log"; }
    sleep 0.2
  done
  docker_host=$own_socket
  say "dockerd listens on $docker_host"
}

# ---- images ----

# up_to_date ENGINE IMAGE HASH: false when the image is missing or made by another version of this script
up_to_date() {
  local found
  case $1 in
    podman) found=$(podman image inspect -f "{{index .Labels \"$label\"}}" "$2" 2>/dev/null) || return 1 ;;
    docker) found=$(on_docker image inspect -f "{{index .Config.Labels \"$label\"}}" "$2" 2>/dev/null) || return 1 ;;
  esac
  # An image of this name without our label is somebody's own, or the official one: kept
  [ -z "$found" ] || [ "$found" = '<no value>' ] || [ "$found" = "$3" ]
}

make_root() { # the files of a slim Debian image
  local tar=$1
  [ ! -s "$tar" ] || return 0
  # No mirror is named, so that the image's own sources have updates and security too
  # shellcheck disable=SC2016 # $1 is for mmdebstrap's shell
  logged mmdebstrap mmdebstrap --quiet --variant=minbase --format=tar --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' --aptopt='Acquire::Languages "none"' \
    --customize-hook='rm -f "$1"/etc/hostname "$1"/etc/resolv.conf' trixie "$tar.part"
  mv "$tar.part" "$tar"
  say "made $tar"
}

import_base() {
  local tar=$cache/debian-trixie-slim.tar hash=debian-1
  # An image without PATH does not run everywhere
  local change=(--change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' --change 'CMD ["bash"]' --change "LABEL $label=$hash")
  if up_to_date podman "$base" $hash && up_to_date docker "$base" $hash; then return 0; fi
  make_root "$tar"
  up_to_date podman "$base" $hash || { logged podman-import podman import "${change[@]}" "$tar" "$base"; say "podman has $base"; }
  up_to_date docker "$base" $hash || { logged docker-import on_docker import "${change[@]}" "$tar" "$base"; say "docker has $base"; }
}

build_postgres() {
  local context=$here/engines-image hash
  hash=$(cat "$context"/* | sha256sum | cut -c 1-16)
  if ! up_to_date podman "$postgres" "$hash"; then
    # The host's network: a build needs the mirror, and bridges may not be ready for that
    logged podman-build podman build --network host --label "$label=$hash" -t "$postgres" -f "$context/Containerfile" "$context"
    say "podman has $postgres"
  fi
  if ! up_to_date docker "$postgres" "$hash"; then
    logged docker-load copy_to_docker "$postgres"
    say "docker has $postgres"
  fi
}
copy_to_docker() { podman save "$1" | on_docker load; }

# ---- podman of an ordinary user ----

rootless_user=poststack-tests
as_rootless() { # a login's environment, from a folder that the user can enter
  local home; home=$(getent passwd $rootless_user | cut -d: -f6)
  (cd "$home" && runuser -u $rootless_user -- env -i HOME="$home" USER=$rootless_user LOGNAME=$rootless_user PATH="$PATH" \
    PODMAN_IGNORE_CGROUPSV1_WARNING=1 "$@" 9>&-)
}
# Not every machine lets ordinary users have namespaces: where this fails, the tests of it are skipped
let_user_run_podman() {
  local home image
  id $rootless_user >/dev/null 2>&1 || useradd --create-home --shell /bin/bash $rootless_user
  grep -q "^$rootless_user:" /etc/subuid || usermod --add-subuids 300000-365535 --add-subgids 300000-365535 $rootless_user
  # udev's own mode for this device
  [ ! -c /dev/net/tun ] || chmod 666 /dev/net/tun
  home=$(getent passwd $rootless_user | cut -d: -f6)
  if [ ! -e "$home/.config/containers/storage.conf" ]; then
    # Else podman 4.3 falls back to a driver that copies every layer
    # shellcheck disable=SC2016 # $1 is for the other shell
    as_rootless sh -c 'mkdir -p "$1/.config/containers" && printf "[storage]\ndriver = \"overlay\"\n" >"$1/.config/containers/storage.conf"' sh "$home"
  fi
  for image in "$base" "$postgres"; do
    as_rootless podman image exists "$image" || podman save "$image" | as_rootless podman load --quiet || return 1
  done
}

print_environment() {
  ! find_docker || echo "export DOCKER_HOST=$docker_host"
}

case ${1:-} in
  --env) print_environment; exit ;;
  '') ;;
  -h | --help) sed -n '2,/^set /{s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit ;;
  *) fail "unknown argument $1; see --help" ;;
esac

check_machine
mkdir -p "$run" "$cache"
exec 9>"$run/lock"
flock -w 600 9 || fail 'another run has held the lock for 10 minutes'
install_packages
configure_podman
find_docker || start_docker
import_base
build_postgres
let_user_run_podman >"$cache/rootless.log" 2>&1 </dev/null || say "podman does not run as an ordinary user here: $cache/rootless.log"
say "ready: podman $(podman --version | grep -o '[0-9.]*$'), docker at $docker_host"
