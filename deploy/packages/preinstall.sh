#!/bin/sh
# The user that the service runs as, before its files are put in place.
set -e
getent group signalbox >/dev/null || groupadd --system signalbox
getent passwd signalbox >/dev/null ||
	useradd --system --gid signalbox --home-dir /var/lib/signalbox --no-create-home --shell /usr/sbin/nologin signalbox
