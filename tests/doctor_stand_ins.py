"""What may stand between Twilio and the bot: proxies that do their work, or do not, and certificates good and bad."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.e2e.house import House, open_house
from webhooks.doctor.findings import Finding, Group, Notes, Status

type Head = Callable[[bytes], bytes]


def statuses(notes: Notes) -> dict[str, Status]:
    """The last finding of each check."""
    return {found.check: found.status for found in notes.found}


def the(notes: Notes, check: str) -> Finding:
    """The one finding of a check."""
    [found] = [found for found in notes.found if found.check == check]
    return found


def notes() -> Notes:
    return Notes(Group.CALL)


def as_it_is(head: bytes) -> bytes:
    return head


def without_upgrade(head: bytes) -> bytes:
    """As a proxy passes requests on that knows nothing of WebSockets: hop-by-hop headers stay with it."""
    lines = head.split(b"\r\n")
    dropped = (b"upgrade:", b"connection:")
    return b"\r\n".join(line for line in lines if not line.lower().startswith(dropped))


@asynccontextmanager
async def relay(
    port: int | Callable[[], int], *, tls: ssl.SSLContext | None = None, head: Head = as_it_is
) -> AsyncIterator[int]:
    """A reverse proxy to a port of this machine; gives its own. head: changes the first piece of what comes."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: Head) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                writer.write(change(piece))
                await writer.drain()
        with contextlib.suppress(OSError, NotImplementedError):
            if writer.can_write_eof():
                writer.write_eof()
            else:
                writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port() if callable(port) else port)
        except OSError:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nServer: nginx/1.30\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        try:
            await asyncio.gather(carry(reader, back, head), carry(there, writer, as_it_is))
        finally:
            back.close()
            writer.close()

    async with _listening(serve, tls) as own:
        yield own


@asynccontextmanager
async def house_behind_a_proxy(*, tls: ssl.SSLContext | None = None, head: Head = as_it_is) -> AsyncIterator[House]:
    """A whole bot whose PUBLIC_URL is a proxy's address."""
    target = [0]
    async with relay(lambda: target[0], tls=tls, head=head) as proxy:
        public = f"https://localhost:{proxy}" if tls is not None else f"http://127.0.0.1:{proxy}"
        async with open_house(public_url=public) as house:
            target[0] = port_of(house)
            yield house


def port_of(house: House) -> int:
    return int(house.url.rpartition(":")[2])


@asynccontextmanager
async def always(answer: bytes, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Whoever asks gets these bytes and is hung up on."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        writer.close()

    async with _listening(serve, tls) as own:
        yield own


@asynccontextmanager
async def _listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object], tls: ssl.SSLContext | None
) -> AsyncIterator[int]:
    tasks: set[asyncio.Task[object]] = set()

    async def known(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)  # type: ignore[misc] # every one of them is a coroutine function
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(known, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=2)


@dataclass(frozen=True)
class Authority:
    """A certificate authority of a test's own. file: its certificate, in PEM."""

    file: Path
    folder: Path
    name: x509.Name
    key: ec.EllipticCurvePrivateKey

    def trusting(self) -> ssl.SSLContext:
        """A client's context that trusts it and nobody else."""
        return ssl.create_default_context(cafile=str(self.file))

    def serving(
        self, host: str = "localhost", *, days: float = 90, since: float = -1, self_signed: bool = False
    ) -> ssl.SSLContext:
        """A server's context with a certificate for `host` that is good from `since` to `days` from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _named(host)
        issuer, signer = (subject, key) if self_signed else (self.name, self.key)
        made = (
            _certificate(subject, issuer, key, since, days)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .sign(signer, hashes.SHA256())
        )
        chain = self.folder / f"{host}-{days}-{self_signed}.pem"
        chain.write_bytes(made.public_bytes(serialization.Encoding.PEM) + _private(key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        return context


def authority(folder: Path) -> Authority:
    """Found one."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _named("an authority of these tests")
    made = (
        _certificate(name, name, key, -1000, 1000)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    file = folder / "authority.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return Authority(file, folder, name, key)


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, since: float, days: float
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=since))
        .not_valid_after(now + timedelta(days=days))
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
