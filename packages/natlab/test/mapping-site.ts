import type { NetcheckDocument } from '@wirepath/core';
import {
  MappingGateway,
  poll,
  WirepathNode,
  type Lab,
  type LabOptions,
  type MappingGatewayOptions,
  type NodeRc,
  type SiteOptions,
} from '../src/index.js';
import { labForTest } from './lab-for-test.js';

export interface MappingSiteOptions {
  readonly gateway?: MappingGatewayOptions;
  readonly site?: SiteOptions;
  readonly lab?: LabOptions;
}

/** A site whose router maps ports, and nothing else but the internet. */
export class MappingSite {
  private constructor(
    readonly lab: Lab,
    readonly gateway: MappingGateway,
  ) {}

  static async create({ gateway = {}, site = { nat: 'sym' }, lab: options = {} }: MappingSiteOptions = {}) {
    const lab = await labForTest({ a: site }, options);
    const mapping = await MappingGateway.prepare(lab, 'a', gateway);
    await mapping.start();
    return new MappingSite(lab, mapping);
  }

  /** A node without peers, up, on a host of the site. */
  async node(host = 'a', rc: Partial<NodeRc> = {}): Promise<WirepathNode> {
    const number = Number(host.slice(1) || '1');
    const node = new WirepathNode(this.lab, host, { number, rc: { rendezvousUrl: undefined, portmap: {}, ...rc } });
    await node.configure([]);
    node.start();
    await node.daemon.logged(/node is up/);
    return node;
  }

  /** Until the gateway forwards so many ports. @returns its rules. */
  untilMapped(count: number, timeoutMs = 10_000): Promise<string[]> {
    const look = async () => {
      const mappings = await this.gateway.mappings();
      return mappings.length === count ? mappings : undefined;
    };
    return poll(look, { what: `${count} mappings`, timeoutMs });
  }

  async netcheck(node: WirepathNode): Promise<NetcheckDocument> {
    return JSON.parse(await node.run('netcheck', '--json')) as NetcheckDocument;
  }
}
