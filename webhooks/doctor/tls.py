"""The certificate of PUBLIC_URL, looked at as strictly as Twilio does."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass

from webhooks.doctor.surroundings import Surroundings

_WITHIN = 10.0  # seconds
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that is good. days: that it still is; protocol: such as TLSv1.3."""

    days: float
    protocol: str


class BadTls(Exception):
    """Twilio would not connect. says: how it is; do: the next step."""

    def __init__(self, says: str, do: str) -> None:
        self.says = says
        self.do = do
        super().__init__(says)


async def look(host: str, port: int, around: Surroundings) -> Certificate:
    """Shake hands with TLS 1.2 or newer, and read the certificate. Raises BadTls."""
    context = around.tls()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        async with asyncio.timeout(_WITHIN):
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise _refused(error, host) from None
    except (ssl.SSLError, ConnectionResetError) as error:
        reason = (getattr(error, "reason", "") or "it breaks off").replace("_", " ").lower()
        raise BadTls(
            f"no TLS 1.2 or 1.3 at {host}:{port} ({reason})",
            "Have the proxy end TLS there, with TLS 1.2 or newer; is it plain HTTP on that port?",
        ) from None
    except TimeoutError:
        raise BadTls(
            f"{host}:{port} does not answer within {_WITHIN:g} s",
            "Look at the firewall, and whether the tunnel runs.",
        ) from None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise BadTls(
            f"{host}:{port} takes no connection ({why})", "Start the proxy or the tunnel, or correct PUBLIC_URL."
        ) from None
    try:
        secured = writer.get_extra_info("ssl_object")
        until = ssl.cert_time_to_seconds(secured.getpeercert()["notAfter"])
        return Certificate((until - around.wall_clock()) / _DAY, secured.version())
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await writer.wait_closed()


def _refused(error: ssl.SSLCertVerificationError, host: str) -> BadTls:
    # OpenSSL's numbers: https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/
    match error.verify_code:
        case 10:
            return BadTls(f"the certificate of {host} has expired", "Renew it, and reload the proxy.")
        case 9:
            return BadTls(
                f"the certificate of {host} is not valid yet",
                "Look at this machine's clock, then at the certificate.",
            )
        case 62 | 64:
            return BadTls(
                f"the certificate is not for {host}", "Get one for the host in PUBLIC_URL, or correct PUBLIC_URL."
            )
        case 18:
            return BadTls(
                f"the certificate of {host} is self-signed; Twilio refuses it",
                "Get one from a public authority, such as Let's Encrypt.",
            )
        case 19 | 20 | 21:
            return BadTls(
                f"the chain of the certificate of {host} leads to no authority that is known here",
                "Have the proxy send the full chain (`fullchain.pem`), from a public authority.",
            )
    return BadTls(
        f"the certificate of {host} is refused ({error.verify_message})",
        "Get one from a public authority for this host.",
    )
