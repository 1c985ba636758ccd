"""What alerts are sent to, on real sockets: a mail server and an HTTP server that keep what they were given."""

import email
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Mailbox:
    """A mail server that takes everything but mail to those it `refuses`, and while `silent` answers nothing."""

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)

    def recipients(self) -> list[str]:
        return [recipient for _, recipients in self.envelopes for recipient in recipients]


def _talk(connection: socket.socket, mailbox: Mailbox) -> None:
    """One session of SMTP, as far as Django's client needs it (RFC 5321)."""
    with connection, connection.makefile("rb") as lines:

        def say(text: str) -> None:
            connection.sendall(f"{text}\r\n".encode())

        sender, recipients = "", list[str]()
        say("220 tests")
        for line in lines:
            verb = line[:4].upper()
            address = line.partition(b"<")[2].partition(b">")[0].decode()
            if verb in (b"EHLO", b"HELO", b"RSET", b"NOOP"):
                say("250 tests")
            elif verb == b"MAIL":
                sender = address
                say("250 ok")
            elif verb == b"RCPT" and address in mailbox.refuses:
                say("550 no such mailbox")
            elif verb == b"RCPT":
                recipients.append(address)
                say("250 ok")
            elif verb == b"DATA":
                say("354 go on")
                body = bytearray()
                for text in lines:
                    if text == b".\r\n":
                        break
                    body += text.removeprefix(b".")
                message: Any = email.message_from_bytes(bytes(body), policy=default)
                mailbox.messages.append(message)
                mailbox.envelopes.append((sender, recipients))
                recipients = []
                say("250 kept")
            else:
                say("221 bye")
                return


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    listener = socket.create_server(("127.0.0.1", 0))
    mailbox = Mailbox(listener.getsockname()[1])

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_talk, args=(connection, mailbox), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield mailbox
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


@dataclass
class Hook:
    """An HTTP server that keeps what it was posted, and answers with `status` and `headers`."""

    url: str = ""
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    posts: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def hook_server() -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            hook.posts.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(hook.status)
            for name, value in hook.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hook.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield hook
        finally:
            server.shutdown()
            thread.join(10)
