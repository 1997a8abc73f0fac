"""Dovecot as a process of its own, on loopback, with its whole state in a folder of the test's."""

import getpass
import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain xoauth2
auth_failure_delay = 0
mail_location = maildir:~/Maildir
mailbox_list_index = yes
first_valid_uid = 0
mail_max_userip_connections = 100
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
{chroots}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
namespace inbox {{
  inbox = yes
  mailbox Trash {{
    special_use = \\Trash
    auto = create
  }}
}}
passdb {{
  driver = static
  mechanisms = plain
  args = password={password}
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
"""
OAUTH2 = """
introspection_url = {url}
introspection_mode = post
username_attribute = username
active_attribute = active
active_value = true
"""
START_S = 20
PASSWORD = "correct-horse"  # noqa: S105  of whoever asks


def found() -> str | None:
    return shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def lacking() -> str:
    """Why the tests cannot be run, if they cannot."""
    binary = found()
    if not binary:
        return "there is no Dovecot (apt-get install dovecot-imapd)"
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout.split()[0]
    return "" if version.startswith("2.3.") else f"Dovecot is configured for 2.3 here, this is {version}"


class Dovecot:
    """A mailbox for whoever comes with the password; it is made when its user first logs in.

    `folder` has a short path, as Unix sockets lie in it, `certificate.pem` and `key.pem`;
    tokens are asked about at `url`.
    """

    def __init__(self, folder: Path, url: str = "http://127.0.0.1:1/") -> None:
        self.folder = folder
        self.port, self.tls_port = free_port(), free_port()
        # mail of root's is refused
        self.owner = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        (folder / "mail").mkdir()
        os.chown(folder / "mail", self.owner.pw_uid, self.owner.pw_gid)
        (folder / "oauth2").write_text(OAUTH2.format(url=url))
        (folder / "dovecot.conf").write_text(self._configuration())
        binary = found()
        assert binary
        # it ends with us, however we end
        command = ["setpriv", "--pdeathsig", "TERM", binary, "-F", "-c", str(folder / "dovecot.conf")]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_S
        while not answers(self.port):
            assert self.process.poll() is None, self._log()
            assert time.monotonic() < deadline, self._log()
            time.sleep(0.02)

    def _configuration(self) -> str:
        own, group = getpass.getuser(), grp.getgrgid(os.getgid()).gr_name
        root = os.getuid() == 0
        services = ("anvil", "imap-login", "stats", "auth", "log")
        return CONFIGURATION.format(
            folder=self.folder,
            password=PASSWORD,
            port=self.port,
            tls_port=self.tls_port,
            internal="dovecot" if root else own,
            internal_group="dovecot" if root else group,
            login="dovenull" if root else own,
            chroots="" if root else "\n".join(f"service {name} {{\n  chroot =\n}}" for name in services),
            uid=self.owner.pw_uid,
            gid=self.owner.pw_gid,
        )

    def _log(self) -> str:
        log = self.folder / "log"
        return log.read_text() if log.exists() else "it said nothing"

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=START_S)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
            return probe.recv(4) == b"* OK"
    except OSError:
        return False
