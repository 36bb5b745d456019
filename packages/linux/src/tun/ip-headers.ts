/** Where things lie in the headers of TCP and UDP over IP, and what offloading reads of them. */

export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;
export const TCP_FIN_PSH = 0x09;
export const TCP_PSH = 0x08;
export const TCP_ACK = 0x10;
export const TCP_CWR = 0x80;
export const IPV4_HEADER_BYTES = 20;
export const IPV6_HEADER_BYTES = 40;
export const UDP_HEADER_BYTES = 8;
export const TCP_HEADER_BYTES = 20;
/** Of the checksum within the header. */
export const TCP_CHECKSUM = 16;
export const UDP_CHECKSUM = 6;

/** Of a virtio_net_hdr (linux/virtio_net.h): 10 bytes before each packet. */
export const VNET_HEADER_BYTES = 10;
export const NEEDS_CHECKSUM = 1;
export const GSO_NONE = 0;
export const GSO_TCPV4 = 1;
export const GSO_TCPV6 = 4;
export const GSO_UDP_L4 = 5;
export const GSO_ECN = 0x80;
