#!/usr/bin/env bash
# tools/with-servers.sh COMMAND…
# Runs a command with a private database and etcd, on free ports and in a temporary folder, and removes them afterwards.
# TRIMTAB_SERVERS selects them: `debian` (MariaDB, the default) or `latest` (MySQL). See tools/env.sh.
#
# Environment of the command:
#   TRIMTAB_TEST_MYSQL            URL with a user that may create and drop databases named trimtab…
#   TRIMTAB_TEST_ETCD             host:port
#   TRIMTAB_TEST_DIR              the folder, with mysql.log and etcd.log
# For tests that inject faults, for each of MYSQL and ETCD:
#   TRIMTAB_TEST_MYSQL_PIDFILE    file with the server's process id
#   TRIMTAB_TEST_MYSQL_START      a script that restarts the server, in the foreground, with the same port and data
#   TRIMTAB_TEST_MYSQL_SOCKET     (only the database) socket for log-in as root
set -euo pipefail
source "$(dirname "$0")/env.sh"

[ $# -gt 0 ] || { echo "usage: tools/with-servers.sh COMMAND…" >&2; exit 2; }

deadline=60 # seconds for a server to answer; a loaded machine takes about ten
dir=
child=

stop_group() { # PID: the command and its child processes
  kill -TERM -- "-$1" 2>/dev/null || return 0
  for _ in $(seq 100); do kill -0 -- "-$1" 2>/dev/null || return 0; sleep 0.1; done
  kill -KILL -- "-$1" 2>/dev/null || true
}

clean_up() {
  trap '' INT TERM HUP
  [ -z "$child" ] || stop_group "$child"
  # SIGKILL is fine, because the data is removed anyway. It also ends servers that a test left paused.
  [ -n "$dir" ] || return
  local pid
  for pid in $(cat "$dir"/*.pid 2>/dev/null); do
    kill -KILL "$pid" 2>/dev/null || continue
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
  done
  rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
dir=$(mktemp -d "${TMPDIR:-/tmp}/trimtab-servers.XXXXXX")

# Below the kernel's port range for outgoing connections.
free_port() {
  local port
  while port=$((RANDOM % 12000 + 20000)); do
    (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

# Writes a start script, which tests use for restarts, too. It writes its own process id, which becomes the server's.
start_script() { # NAME COMMAND
  printf '#!/bin/sh\necho $$ >%q\nexec %s >>%q 2>&1\n' "$dir/$1.pid" "$2" "$dir/$1.log" >"$dir/$1.sh"
  chmod +x "$dir/$1.sh"
}

# Starts a server in its own session, so that Ctrl-C reaches the command and not the server. The server also ends when
# this script is killed before it can clean up.
start() { # NAME READY
  setsid setpriv --pdeathsig KILL "$dir/$1.sh" </dev/null &
  local pid=$! end=$((SECONDS + deadline))
  disown # otherwise bash prints a message about its end
  until "$2" >/dev/null 2>&1; do
    if ! kill -0 "$pid" 2>/dev/null || [ "$SECONDS" -ge "$end" ]; then
      kill -KILL "$pid" 2>/dev/null || true
      return 1
    fi
    sleep 0.1
  done
}

up() { # NAME: three attempts, because another process may take the port before the server does
  for _ in 1 2 3; do
    "configure_$1"
    if start "$1" "ready_$1"; then return; fi
  done
  echo "with-servers: $1 does not start:" >&2
  tail -n 20 "$dir/$1.log" >&2
  exit 1
}

user=$(id -un)

# Commits are written to the kernel, so they survive a kill of the server, but they are not synced to the disk.
case $TRIMTAB_SERVERS in
  debian)
    mysqld=mariadbd mysql=mariadb
    own_options=
    ;;
  latest)
    "$ROOT/tools/setup.sh" latest
    mysqld=mysqld mysql=mysql
    # Without the port of the X protocol and the system's folder for files.
    own_options="--mysqlx=0 --secure-file-priv= --sync-binlog=0"
    ;;
esac

install_mariadb() {
  # Uses a wrapper, because mariadb-install-db --user would change the owner of a system folder.
  printf '#!/bin/sh\nexec mariadbd "$@" --user=%q\n' "$user" >"$dir/mariadbd"
  chmod +x "$dir/mariadbd"
  MYSQLD_BOOTSTRAP=$dir/mariadbd mariadb-install-db --no-defaults --datadir="$dir/mysql" --skip-test-db \
    --auth-root-authentication-method=normal --skip-name-resolve
}

install_mysql() {
  local install=(install_mariadb)
  if [ "$TRIMTAB_SERVERS" = latest ]; then
    install=(mysqld --no-defaults --initialize-insecure --user="$user" --datadir="$dir/mysql" --secure-file-priv=)
  fi
  "${install[@]}" >"$dir/mysql.log" 2>&1 || {
    cat "$dir/mysql.log" >&2
    exit 1
  }
  cat >"$dir/mysql.sql" <<'SQL'
create database if not exists trimtab character set utf8mb4;
create user if not exists trimtab@'%' identified by 'trimtab';
grant all on `trimtab%`.* to trimtab@'%';
SQL
}

configure_mysql() {
  mysql_port=$(free_port)
  # In a shared folder, a starting server would delete temporary tables of others and crash them.
  start_script mysql "$mysqld --no-defaults --user=$user --datadir=$dir/mysql --socket=$dir/mysql.sock --tmpdir=$dir \
--bind-address=127.0.0.1 --port=$mysql_port --init-file=$dir/mysql.sql --skip-name-resolve \
--innodb-flush-log-at-trx-commit=2 --innodb-buffer-pool-size=64M --max-connections=400 $own_options"
}

ready_mysql() {
  # Over the socket, which no other server can have. It opens after the port.
  "$mysql" --no-defaults --socket="$dir/mysql.sock" -u trimtab -ptrimtab -e 'select 1' trimtab
}

configure_etcd() {
  etcd_port=$(free_port)
  local peer
  peer=http://127.0.0.1:$(free_port)
  rm -rf "$dir/etcd"
  start_script etcd "etcd --name test --data-dir=$dir/etcd --logger=zap \
--listen-client-urls=http://127.0.0.1:$etcd_port --advertise-client-urls=http://127.0.0.1:$etcd_port \
--listen-peer-urls=$peer --initial-advertise-peer-urls=$peer --initial-cluster=test=$peer"
}

ready_etcd() {
  ETCDCTL_API=3 etcdctl --endpoints="127.0.0.1:$etcd_port" endpoint health
}

version() { "$1" --version | sed -E "1!d; s/^.* (Ver|Version:) +([^ ]+).*/$1 \\2/"; }

install_mysql
up mysql
up etcd
echo "with-servers: $(version "$mysqld"), $(version etcd)" >&2

export TRIMTAB_TEST_DIR=$dir
export TRIMTAB_TEST_MYSQL=mysql://trimtab:trimtab@127.0.0.1:$mysql_port/trimtab
export TRIMTAB_TEST_MYSQL_PIDFILE=$dir/mysql.pid TRIMTAB_TEST_MYSQL_START=$dir/mysql.sh
export TRIMTAB_TEST_MYSQL_SOCKET=$dir/mysql.sock
export TRIMTAB_TEST_ETCD=127.0.0.1:$etcd_port
export TRIMTAB_TEST_ETCD_PIDFILE=$dir/etcd.pid TRIMTAB_TEST_ETCD_START=$dir/etcd.sh
export ETCDCTL_API=3 # Debian's 3.4 otherwise uses version 2

code=0
if [ -t 0 ]; then
  # On a terminal the command runs in the foreground, for example `tools/with-servers.sh bash`.
  "$@" || code=$?
else
  # bash runs no trap while it waits for a command in the foreground. Therefore the command runs in the background, in
  # its own process group, so that a signal to this script ends the command, too.
  set -m
  "$@" <&0 &
  child=$!
  set +m
  wait "$child" || code=$?
  kill -0 -- "-$child" 2>/dev/null || child= # otherwise a child process still runs
fi
exit "$code"
