/** Map key of an address, where an object that stands for it is made; cheaper than its proper text form. */
export function endpointKey(ip: string, port: number): string {
  return `${ip}|${port}`;
}
