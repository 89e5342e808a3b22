"""Ways around STRICT. Each sends a request for a path of its own, /anything/NAME-PORT, and must get nothing of httpbin's.

Arguments: the address of the workload, that of another with a sidecar, a folder with certificates, the IPv6 address of
the first, and the ways to try (NAME-PORT; all by default). Prints a line for each try; ends with 1 when an answer came
from httpbin.
"""
import socket
import ssl
import struct
import sys
import time
import warnings

HOST, OTHER, FILES, LINK_LOCAL = sys.argv[1:5]
ONLY = sys.argv[5:]
PORTS = [8000, 7777]
TIMEOUT = 1.0
warnings.simplefilter("ignore")
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"


def head(path, *lines, method="GET", version="HTTP/1.1", host="httpbin:8000"):
    first = f"{method} {path} {version}"
    return "\r\n".join([first, f"Host: {host}", *lines, "Connection: close", "", ""]).encode()


def read(connection):
    """What comes back, as far as it comes."""
    data = b""
    try:
        while chunk := connection.recv(65536):
            data += chunk
    except (OSError, ssl.SSLError):
        pass
    return data


def plain(*parts, host=HOST, port=None, pause=0.0, shut=False):
    def run(target, _path):
        with socket.create_connection((host, port or target), TIMEOUT) as connection:
            for part in parts:
                connection.sendall(part(_path) if callable(part) else part)
                time.sleep(pause)
            if shut:
                connection.shutdown(socket.SHUT_WR)
            return read(connection)
    return run


def tls(alpn=(), sni=None, certificate=None, low=None, high=None, before=b"", lines=()):
    def run(port, path):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if alpn:
            context.set_alpn_protocols(list(alpn))
        if certificate:
            context.load_cert_chain(f"{FILES}/{certificate}.crt", f"{FILES}/{certificate}.key")
        if low or high:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version, context.maximum_version = low or high, high or low
        with socket.create_connection((HOST, port), TIMEOUT) as connection:
            connection.sendall(before)
            with context.wrap_socket(connection, server_hostname=sni) as secured:
                secured.sendall(head(path, *lines))
                return read(secured)
    return run


def hello_then_plain(port, path):
    """A ClientHello for the mesh, and then not TLS."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.set_alpn_protocols(["istio-http/1.1", "istio"])
    session = context.wrap_bio(incoming, outgoing, server_hostname="outbound_.8000_._.httpbin.default.svc.cluster.local")
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return plain(outgoing.read(), lambda path: head(path), pause=0.1)(port, path)


def record(content, kind=23):
    return struct.pack("!BHH", kind, 0x0303, len(content)) + content


def proxied_v2():
    addresses = socket.inet_aton("127.0.0.1") + socket.inet_aton(HOST) + struct.pack("!HH", 1, 8000)
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", 0x21, 0x11, len(addresses)) + addresses


def from_address(source):
    def run(port, path):
        with socket.socket() as connection:
            connection.settimeout(TIMEOUT)
            connection.bind((source, 0))
            connection.connect((HOST, port))
            connection.sendall(head(path))
            return read(connection)
    return run


def h2(path, authority=b"httpbin:8000"):
    """HTTP/2 with prior knowledge: one request, literal headers."""
    def literal(name, value):
        return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
    fields = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", path.encode()), (b":authority", authority)]
    block = b"".join(literal(*field) for field in fields)
    return PREFACE + len(block).to_bytes(3, "big") + b"\1\5\0\0\0\1" + block


XFCC = "x-forwarded-client-cert: By=spiffe://cluster.local/ns/default/sa/httpbin;URI=spiffe://cluster.local/ns/default/sa/client"
SNI = "outbound_.8000_._.httpbin.default.svc.cluster.local"
MESH = ["istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2"]
V = ssl.TLSVersion

WAYS = {
    "get": plain(lambda path: head(path)),
    "http10": plain(lambda path: head(path, version="HTTP/1.0")),
    "http09": plain(lambda path: f"GET {path}\r\n".encode()),
    "h2": plain(h2),
    "h2-in-two": plain(PREFACE[:10], lambda path: h2(path)[10:], pause=0.1),
    "h2c-upgrade": plain(lambda path: head(path, "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")),
    "websocket": plain(lambda path: head(path, "Upgrade: websocket", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")),
    "absolute": plain(lambda path: head(f"http://httpbin:8000{path}")),
    "absolute-https": plain(lambda path: head(f"https://httpbin:8000{path}")),
    "connect": plain(b"CONNECT 127.0.0.1:8000 HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n", lambda path: head(path), pause=0.1),
    "connect-self": plain(f"CONNECT {HOST}:8000 HTTP/1.1\r\nHost: x\r\n\r\n".encode(), lambda path: head(path), pause=0.1),
    "options": plain(lambda path: head(path, method="OPTIONS")),
    "post": plain(lambda path: head(path, "Content-Length: 0", method="POST")),
    "lower-method": plain(lambda path: head(path, method="get")),
    "host-upper": plain(lambda path: head(path, host="HTTPBIN.DEFAULT.SVC.CLUSTER.LOCAL")),
    "host-dot": plain(lambda path: head(path, host="httpbin.default.svc.cluster.local.")),
    "host-ip": plain(lambda path: head(path, host="127.0.0.1:8000")),
    "host-sni": plain(lambda path: head(path, host=SNI)),
    "xfcc": plain(lambda path: head(path, XFCC)),
    "xff": plain(lambda path: head(path, "x-forwarded-for: 127.0.0.6", "x-envoy-internal: true", "x-forwarded-proto: https")),
    "peer-metadata": plain(lambda path: head(path, "x-envoy-peer-metadata-id: sidecar~10.0.0.1~client.default~x", "x-envoy-peer-metadata: AAAA")),
    "original-dst": plain(lambda path: head(path, "x-envoy-original-dst-host: 127.0.0.1:8000")),
    "byte-by-byte": plain(*[bytes([byte]) for byte in b"GET /anything/byte"], lambda path: b"\r\n" + head(path), pause=0.01),
    "late": plain(b"", lambda path: head(path), pause=0.7),
    "blank-lines": plain(lambda path: b"\r\n\r\n" + head(path)),
    "space-first": plain(lambda path: b" " + head(path)),
    "nul-first": plain(lambda path: b"\0" + head(path)),
    "half-closed": plain(lambda path: head(path), shut=True),
    "pipelined": plain(lambda path: head(path).replace(b"Connection: close\r\n", b"") * 3),
    "proxy-v1": plain(f"PROXY TCP4 127.0.0.1 {HOST} 1 8000\r\n".encode(), lambda path: head(path)),
    "proxy-v2": plain(proxied_v2(), lambda path: head(path)),
    "socks5": plain(b"\5\1\0", b"\5\1\0\1\x7f\0\0\1" + struct.pack("!H", 8000), lambda path: head(path), pause=0.1),
    "tls-record": plain(lambda path: record(head(path))),
    "handshake-record": plain(lambda path: record(head(path), 22)),
    "alert-first": plain(record(b"\1\0", 21), lambda path: head(path), pause=0.1),
    "sslv2-hello": plain(b"\x80\x2e\1\0\2\0\x15\0\0\0\x10" + b"\1\0\x80" * 7 + b"x" * 16, lambda path: head(path)),
    "hello-then-plain": hello_then_plain,
    "hello-cut": plain(b"\x16\3\1\2\0\1\0\1\xfc\3\3", lambda path: head(path), pause=0.1),
    "to-15006": plain(lambda path: head(path), port=15006),
    "to-15006-tls": plain(lambda path: record(head(path), 22), port=15006),
    "to-15001": plain(lambda path: head(path), port=15001),
    "by-other-15001": plain(lambda path: head(path), host=OTHER, port=15001),
    "by-other-15006": plain(lambda path: head(path), host=OTHER, port=15006),
    "by-other-80": plain(lambda path: head(f"http://httpbin:8000{path}"), host=OTHER, port=80),
    "ipv6": plain(lambda path: head(path), host=LINK_LOCAL),
    "ipv6-h2": plain(h2, host=LINK_LOCAL),
    "ipv6-15006": plain(lambda path: head(path), host=LINK_LOCAL, port=15006),
    "from-127-0-0-6": from_address("127.0.0.6"),
    "tls": tls(),
    "tls-sni": tls(sni=SNI),
    "tls-h2": tls(alpn=["h2", "http/1.1"], sni=SNI),
    **{f"tls-{protocol.replace('/', '-').replace('.', '')}": tls(alpn=[protocol], sni=SNI) for protocol in MESH},
    "tls-all-alpn": tls(alpn=MESH + ["h2", "http/1.1"], sni=SNI),
    "tls-xfcc": tls(alpn=["istio-http/1.1"], sni=SNI, lines=[XFCC]),
    "tls-forged": tls(alpn=["istio-http/1.1", "istio"], sni=SNI, certificate="forged"),
    "tls-other-ca": tls(alpn=["istio-http/1.1", "istio"], sni=SNI, certificate="other"),
    "tls-other-ca-12": tls(alpn=["istio"], sni=SNI, certificate="other", high=V.TLSv1_2),
    "tls-12": tls(alpn=["istio"], sni=SNI, high=V.TLSv1_2),
    "tls-11": tls(alpn=["istio"], sni=SNI, high=V.TLSv1_1),
    "tls-10": tls(alpn=["istio"], sni=SNI, high=V.TLSv1),
    "tls-after-blank": tls(alpn=["istio"], sni=SNI, before=b"\r\n"),
    "tls-after-proxy": tls(alpn=["istio"], sni=SNI, before=f"PROXY TCP4 127.0.0.1 {HOST} 1 8000\r\n".encode()),
}


def main():
    through = 0
    for port in PORTS:
        for name, way in WAYS.items():
            if ONLY and f"{name}-{port}" not in ONLY:
                continue
            try:
                answer = way(port, f"/anything/{name}-{port}")
            except (OSError, ssl.SSLError) as error:
                answer = b""
                print(f"{name} {port}: {type(error).__name__}")
                continue
            served = b'"headers"' in answer or b" 200 " in answer.split(b"\r\n")[0]
            through += served
            print(f"{name} {port}: {'GOT THROUGH' if served else 'nothing'} {answer[:60]!r}")
    return 1 if through else 0


sys.exit(main())
