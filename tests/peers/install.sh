#!/bin/sh
# Bring the programs that tests need beside the packages: the servers that connectors are tested against, and a browser.
# sh tests/peers/install.sh
#
# Does nothing when they are there. As root, where apt is, it installs them without starting any; otherwise, or when apt
# is out of reach, it says what is left out. It never fails: tests of what is not there are skipped.
export PATH="$PATH:/usr/sbin:/usr/local/sbin"
# program=package=what needs it
wanted="dovecot=dovecot-imapd=imap chromium=chromium=the-console"

say() { echo "sluicegate: $*" >&2; }
policy=/usr/sbin/policy-rc.d

# Write those that are not there, a line each.
missing() {
    for one in $wanted; do
        command -v "${one%%=*}" >/dev/null || echo "$one"
    done
}
package() { rest=${1#*=} && echo "${rest%%=*}"; }

install() {
    export DEBIAN_FRONTEND=noninteractive
    if [ ! -e "$policy" ]; then # asked by packages before they start a service; 101: it may not be
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    timeout 120 apt-get -o Acquire::Retries=1 -o Acquire::http::Timeout=20 update -q
    for one in $(missing); do # one by one: what is out of reach keeps no other out
        timeout 600 apt-get -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o DPkg::Lock::Timeout=60 \
            install -yq --no-install-recommends "$(package "$one")"
    done
}

[ -z "$(missing)" ] && exit
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    for one in $(missing); do say "installing $(package "$one"), for the tests of ${one##*=}"; done
    log=$(mktemp)
    (install) >"$log" 2>&1 </dev/null || tail -n 5 "$log" >&2
    rm -f "$log"
fi
for one in $(missing); do
    say "the tests of ${one##*=} are skipped: they need ${one%%=*} (apt-get install $(package "$one"))"
done
exit 0
