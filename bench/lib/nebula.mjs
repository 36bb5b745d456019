import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const NETWORK = '10.78.0';
const LIGHTHOUSE = `${NETWORK}.254`;
const PORT = 4242;

/** Nebula in a lab: a lighthouse that relays too, on the servers' host, and a node on each host that is to be compared. */
export class Nebula {
  static name = 'Nebula';
  static programs = ['nebula', 'nebula-cert'];
  #lab;
  #folder;
  #addresses;

  /** @param server the public address of the servers' host. */
  static async open(lab, hosts, server) {
    const overlay = new Nebula();
    overlay.#lab = lab;
    overlay.#folder = join(lab.folder, 'nebula');
    overlay.#addresses = new Map([
      ['srv', LIGHTHOUSE],
      ...hosts.map((host, index) => [host, `${NETWORK}.${index + 1}`]),
    ]);
    await mkdir(overlay.#folder);
    const ca = ['-out-crt', overlay.#file('ca.crt'), '-out-key', overlay.#file('ca.key')];
    await lab.exec('srv', ['nebula-cert', 'ca', '-name', 'lab', ...ca]);
    for (const host of overlay.#addresses.keys()) await overlay.#configure(host, server);
    return overlay;
  }

  address(host) {
    return this.#addresses.get(host);
  }

  get serverAddress() {
    return LIGHTHOUSE;
  }

  async startServer() {
    const daemon = this.start('srv');
    await daemon.logged(/Nebula interface is active/);
    return daemon;
  }

  start(host) {
    return this.#lab.spawn(host, `nebula-${host}`, ['nebula', '-config', this.#file(`${host}.yaml`)]);
  }

  async #configure(host, server) {
    const isServer = host === 'srv';
    const own = ['-out-crt', this.#file(`${host}.crt`), '-out-key', this.#file(`${host}.key`)];
    const ca = ['-ca-crt', this.#file('ca.crt'), '-ca-key', this.#file('ca.key')];
    const ip = `${this.#addresses.get(host)}/24`;
    await this.#lab.exec('srv', ['nebula-cert', 'sign', '-name', host, '-ip', ip, ...ca, ...own]);
    const anything = [{ port: 'any', proto: 'any', host: 'any' }];
    const config = {
      pki: { ca: this.#file('ca.crt'), cert: this.#file(`${host}.crt`), key: this.#file(`${host}.key`) },
      static_host_map: isServer ? {} : { [LIGHTHOUSE]: [`${server}:${PORT}`] },
      lighthouse: { am_lighthouse: isServer, interval: 10, hosts: isServer ? [] : [LIGHTHOUSE] },
      listen: { host: '0.0.0.0', port: PORT },
      punchy: { punch: true, respond: true },
      relay: isServer ? { am_relay: true } : { relays: [LIGHTHOUSE], use_relays: true },
      tun: { dev: 'nebula1' },
      firewall: { outbound: anything, inbound: anything },
    };
    await writeFile(this.#file(`${host}.yaml`), JSON.stringify(config), { mode: 0o600 });
  }

  #file(name) {
    return join(this.#folder, name);
  }
}
