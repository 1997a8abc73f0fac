#!/bin/sh
# Bring the servers that connectors are tested against: sh tests/peers/install.sh
#
# Does nothing when they are there. As root, where apt is, it installs them without starting any; otherwise, or when apt
# is out of reach, it says what is left out. It never fails: tests of what is not there are skipped.
export PATH="$PATH:/usr/sbin:/usr/local/sbin"
command -v dovecot >/dev/null && exit

say() { echo "sluicegate: $*" >&2; }
policy=/usr/sbin/policy-rc.d

install() {
    export DEBIAN_FRONTEND=noninteractive
    if [ ! -e "$policy" ]; then # asked by packages before they start a service; 101: it may not be
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    timeout 120 apt-get -o Acquire::Retries=1 -o Acquire::http::Timeout=20 update -q
    timeout 300 apt-get -o Acquire::Retries=1 -o DPkg::Lock::Timeout=60 install -yq --no-install-recommends dovecot-imapd
}

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing dovecot-imapd, for the tests of imap"
    log=$(mktemp)
    (install) >"$log" 2>&1 </dev/null || tail -n 5 "$log" >&2
    rm -f "$log"
fi
command -v dovecot >/dev/null || say "the tests of imap are skipped: they need Dovecot (apt-get install dovecot-imapd)"
exit 0
