"""Ways into a place that should be closed.

ways.py ADDRESS PORT WORD HOST...    tries them all and prints how many there were
ways.py --serve FILE PORT...         answers on these ports, TLS on 443 and 8443 too, and notes who came in FILE

Who gets in is not judged here: the check asks the place itself.
"""

import os
import select
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

PATIENCE = 2
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def requests(word, hosts):
    """Requests by name."""
    path = "/anything/" + word
    for host in hosts:
        forms = {
            host: host, host + " in capitals": host.upper(), host + " with a dot": host + ".",
            host + " with a port": host + ":80", host + " with another port": host + ":9999",
        }
        for name, form in forms.items():
            yield name, f"GET {path} HTTP/1.1\r\nHost: {form}\r\nConnection: close\r\n\r\n"
        yield host + " in absolute form", f"GET http://{host}{path} HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n"
        yield host + " in HTTP/1.0", f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n"
    host = hosts[0]
    yield "no host", f"GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n"
    yield "two hosts", f"GET {path} HTTP/1.1\r\nHost: {hosts[-1]}\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    yield "a folded host", f"GET {path} HTTP/1.1\r\nHost:\r\n {host}\r\nConnection: close\r\n\r\n"
    yield "CONNECT", f"CONNECT {host}:80 HTTP/1.1\r\nHost: {host}:80\r\n\r\nGET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"
    yield "a websocket", (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    yield "a body in chunks", (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    )
    yield "one behind the other", (
        f"GET {path} HTTP/1.1\r\nHost: {hosts[-1]}\r\n\r\nGET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    yield "another identity by header", (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
        "X-Forwarded-Client-Cert: By=spiffe://cluster.local/ns/default/sa/httpbin;URI=spiffe://cluster.local/ns/default/sa/client\r\n"
        "X-Forwarded-For: 127.0.0.1\r\nX-Envoy-Original-Dst-Host: 127.0.0.1:8000\r\n\r\n"
    )
    yield "a PROXY header", f"PROXY TCP4 127.0.0.1 127.0.0.1 1 8000\r\nGET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"
    yield "an unknown method", f"HELLO {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    yield "line feeds only", f"GET {path} HTTP/1.1\nHost: {host}\nConnection: close\n\n"
    yield "an empty line first", f"\r\nGET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    yield "HTTP/0.9", f"GET {path}\r\n"
    yield "HTTP/2's preface", PREFACE
    yield "no HTTP", b"\x00\x01\x02\x03 hello\r\n"
    yield "nothing", b""


def talk(stream, payload):
    """Sends, and waits for an end or for silence."""
    if payload:
        stream.sendall(payload if isinstance(payload, bytes) else payload.encode())
    try:
        while stream.recv(65536):
            pass
    except OSError:
        pass


def plain(address, port, payload, pause=0.0):
    with socket.create_connection((address, port), PATIENCE) as stream:
        if pause:
            middle = len(payload) // 2
            stream.sendall(payload[:middle].encode())
            time.sleep(pause)
            payload = payload[middle:]
        talk(stream, payload)


def tls(address, port, name, payload, alpn=(), certificate=None, version=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if certificate:
        context.load_cert_chain(*certificate)
    if version:
        context.maximum_version = version
    with socket.create_connection((address, port), PATIENCE) as stream:
        with context.wrap_socket(stream, server_hostname=name) as secure:
            talk(secure, payload)


def own_certificate(identity):
    """A certificate that signs itself, and says what it likes."""
    folder = tempfile.mkdtemp()
    names = [os.path.join(folder, name) for name in ("cert.pem", "key.pem")]
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-days", "1", "-newkey", "rsa:2048", "-subj", "/O=istio", "-out", names[0],
         "-keyout", names[1], "-addext", f"subjectAltName=URI:{identity}"],
        check=True, capture_output=True,
    )
    return names


def ways(address, port, word, hosts):
    """Everything that is tried: a name and what does it."""
    for name, payload in requests(word, hosts):
        yield name, lambda payload=payload: plain(address, port, payload)
    get = f"GET /anything/{word} HTTP/1.1\r\nHost: {hosts[0]}\r\nConnection: close\r\n\r\n"
    yield "in two pieces", lambda: plain(address, port, get, 0.3)
    fake = own_certificate("spiffe://cluster.local/ns/default/sa/client")
    host = hosts[0]
    names = [host, host.upper(), host + ".", "a." + host, hosts[-1], None, f"outbound_.{port}_._.{host}"]
    for name in names:
        yield f"TLS for {name}", lambda name=name: tls(address, port, name, get)
    for alpn in (["istio"], ["istio-peer-exchange", "istio"], ["istio-http/1.1"], ["h2"], ["http/1.1"], ["other"]):
        yield f"TLS for {alpn}", lambda alpn=alpn: tls(address, port, host, get, alpn)
        yield f"TLS for {alpn} with a certificate of our own", lambda alpn=alpn: tls(address, port, host, get, alpn, fake)
    yield "TLS 1.2", lambda: tls(address, port, host, get, ["istio"], fake, ssl.TLSVersion.TLSv1_2)


def attempt(name, way):
    try:
        way()
    except (OSError, ValueError) as error:
        return f"{name}: {error}"
    return name


def addresses(name):
    """Addresses of a place: IPv4 as given, and what of IPv6 leads there."""
    found = {name}
    for family in (socket.AF_INET6,):
        try:
            found.update(info[4][0] for info in socket.getaddrinfo(f"::ffff:{name}", None, family))
        except OSError:
            pass
    return sorted(found)


def main():
    address, port, word, *hosts = sys.argv[1:]
    tried = [way for address in addresses(address) for way in ways(address, int(port), word, hosts)]
    threads = [threading.Thread(target=attempt, args=way) for way in tried]
    for start in range(0, len(threads), 16):
        some = threads[start:start + 16]
        for thread in some:
            thread.start()
        for thread in some:
            thread.join()
    print(len(tried))


def serve(file, ports):
    sockets = []
    for port in ports:
        listening = socket.create_server(("", port))
        sockets.append(listening)
    open(file, "a").close()
    while True:
        for ready in select.select(sockets, [], [])[0]:
            stream, peer = ready.accept()
            with open(file, "a") as log:
                log.write(f"{peer[0]} came to {ready.getsockname()[1]}\n")
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            stream.close()


if sys.argv[1] == "--serve":
    serve(sys.argv[2], [int(port) for port in sys.argv[3:]])
else:
    main()
