import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const NETWORK = '10.79.0';
const SERVER = `${NETWORK}.254`;

/** tinc in a lab: a node on the servers' host that all connect to, and a node on each host that is to be compared. */
export class Tinc {
  static name = 'tinc';
  static programs = ['tincd'];
  #lab;
  #addresses;

  /** @param server the public address of the servers' host. */
  static async open(lab, hosts, server) {
    const overlay = new Tinc();
    overlay.#lab = lab;
    overlay.#addresses = new Map([['srv', SERVER], ...hosts.map((host, index) => [host, `${NETWORK}.${index + 1}`])]);
    for (const host of overlay.#addresses.keys()) await overlay.#configure(host, server);
    const known = await readFile(overlay.#file('srv', 'hosts', 'srv'));
    for (const host of hosts) {
      await writeFile(overlay.#file(host, 'hosts', 'srv'), known);
      await writeFile(overlay.#file('srv', 'hosts', host), await readFile(overlay.#file(host, 'hosts', host)));
    }
    return overlay;
  }

  address(host) {
    return this.#addresses.get(host);
  }

  get serverAddress() {
    return SERVER;
  }

  async startServer() {
    const daemon = this.start('srv');
    await daemon.logged(/Ready/);
    return daemon;
  }

  start(host) {
    const command = ['tincd', '-D', '-d1', '-c', this.#file(host), '--pidfile', this.#file(host, 'pid')];
    return this.#lab.spawn(host, `tinc-${host}`, command);
  }

  async #configure(host, server) {
    const address = this.#addresses.get(host);
    await mkdir(this.#file(host, 'hosts'), { recursive: true });
    const connect = host === 'srv' ? [] : ['ConnectTo = srv'];
    const settings = [`Name = ${host}`, 'AddressFamily = ipv4', 'Interface = tinc1', ...connect];
    await writeFile(this.#file(host, 'tinc.conf'), `${settings.join('\n')}\n`);
    const up = ['#!/bin/sh', `ip addr add ${address}/24 dev $INTERFACE`, 'ip link set $INTERFACE up', ''];
    await writeFile(this.#file(host, 'tinc-up'), up.join('\n'), { mode: 0o755 });
    await this.#lab.exec('srv', ['tincd', '-c', this.#file(host), '-K2048']);
    const own = [`Subnet = ${address}/32`, ...(host === 'srv' ? [`Address = ${server}`] : []), ''];
    await appendFile(this.#file(host, 'hosts', host), own.join('\n'));
  }

  #file(...names) {
    return join(this.#lab.folder, 'tinc', ...names);
  }
}
