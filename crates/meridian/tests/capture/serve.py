"""Answers every connection with the name of the port and where the client wanted to go; every datagram with the name.

usage: serve.py UID NAME:PORT... ; a port with a u at its end is UDP. Prints "ready" once it listens."""
import os, socket, struct, sys, threading

ORIGINAL_DST = 80  # SO_ORIGINAL_DST of linux/netfilter_ipv4.h, IP6T_SO_ORIGINAL_DST of linux/netfilter_ipv6/ip6_tables.h


def wanted(connection, family):
    try:
        if family == socket.AF_INET:
            port, address = struct.unpack("!2xH4s8x", connection.getsockopt(socket.SOL_IP, ORIGINAL_DST, 16))
            return f"{socket.inet_ntop(family, address)}:{port}"
        port, address = struct.unpack("!2xH4x16s4x", connection.getsockopt(41, ORIGINAL_DST, 28))
        return f"[{socket.inet_ntop(family, address)}]:{port}"
    except OSError:
        return "-"


def tcp(name, server, family):
    while True:
        connection, _ = server.accept()
        connection.sendall(f"{name} {wanted(connection, family)}".encode())
        connection.close()


def udp(name, server):
    while True:
        _, client = server.recvfrom(512)
        server.sendto(name.encode(), client)


os.setgroups([])
os.setgid(int(sys.argv[1]))
os.setuid(int(sys.argv[1]))
for argument in sys.argv[2:]:
    name, port = argument.split(":")
    is_udp = port.endswith("u")
    for family in (socket.AF_INET, socket.AF_INET6):
        server = socket.socket(family, socket.SOCK_DGRAM if is_udp else socket.SOCK_STREAM)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # A datagram's answer must come from the address that the rules sent the question to, which is the loopback.
        here = ("127.0.0.1", "::1") if name == "dns-proxy" else ("0.0.0.0", "::")
        server.bind((here[family == socket.AF_INET6], int(port.rstrip("u"))))
        if not is_udp:
            server.listen()
        work = (name, server) if is_udp else (name, server, family)
        threading.Thread(target=udp if is_udp else tcp, args=work, daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
