#!/bin/sh
# Stops the router when the package is removed, not when it is upgraded. The data stays.
set -e
case "${1:-}" in remove | 0) ;; *) exit 0 ;; esac
[ -d /run/systemd/system ] || exit 0
systemctl disable --now signalbox.service
