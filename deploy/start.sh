#!/bin/sh
# Runs the command as user 10001. Hosts mount disks that root owns: as root, the top of the disk is handed over first.
set -eu
if [ "$(id -u)" -eq 0 ]; then
  chown 10001:10001 "$HALFGIG_DATA"
  exec setpriv --reuid=10001 --regid=10001 --clear-groups --inh-caps=-all --no-new-privs "$@"
fi
exec "$@"
