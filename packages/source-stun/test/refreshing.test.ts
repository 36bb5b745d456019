import { describe, expect, it } from 'vitest';
import { MemoryInternet, type NatOptions } from './memory-internet.js';
import { at, MemoryStunServer, type StunServerOptions } from './memory-stun-server.js';
import { NodeUnderTest } from './node-under-test.js';

const SERVER = '203.0.113.10:3478';
const OTHER_SERVER = '203.0.113.20:3478';
const CONE: NatOptions = { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent' };

function nodeAt(servers: Readonly<Record<string, StunServerOptions>>, nat = CONE) {
  const internet = new MemoryInternet();
  const listening = Object.entries(servers).map(([listen, options]) => new MemoryStunServer(internet, listen, options));
  return { internet, listening, node: new NodeUnderTest(internet, { servers: Object.keys(servers), nat }) };
}

/** A server that can be switched off and on. */
function switched(): StunServerOptions & { on: boolean } {
  const server = {
    on: true,
    answer: (fields: Parameters<NonNullable<StunServerOptions['answer']>>[0]) => (server.on ? fields : undefined),
  };
  return server;
}

describe('refresh', () => {
  it('says that nothing changed while nothing did', async () => {
    const { node } = nodeAt({ [SERVER]: {}, [OTHER_SERVER]: {} });
    await node.gather();
    expect(await node.refresh()).toMatchObject({ changed: false });
  });

  it('has nothing to look at again before anything was gathered', async () => {
    const { node, listening } = nodeAt({ [SERVER]: {} });
    expect(await node.refresh()).toEqual({ changed: false, tookMs: 0 });
    expect(listening[0]?.requests).toEqual([]);
  });

  it('reference fault 9: sees a change of the port alone, and the gathering that follows has it', async () => {
    const { node } = nodeAt({ [SERVER]: {} });
    await node.gather();
    expect(node.addresses).toEqual(['198.51.100.1:20000']);
    node.datagrams.nat?.rebind();
    expect(await node.refresh()).toMatchObject({ changed: true });
    expect(node.logger.lines.at(-1)).toMatchObject({
      level: 'info',
      message: 'our mapping has changed',
      fields: { server: SERVER, before: '198.51.100.1:20000' },
    });
    await node.gather();
    expect(node.addresses[0]).toMatch(/^198\.51\.100\.1:(?!20000$)/);
    expect(await node.refresh()).toMatchObject({ changed: false });
  });

  it('sees a change of the IP address alone', async () => {
    const { node } = nodeAt({ [SERVER]: {} }, { ...CONE, keepsPorts: true });
    await node.gather();
    node.datagrams.nat?.rebind('198.51.100.9');
    expect(await node.refresh()).toMatchObject({ changed: true });
  });

  it('sees it with the first answer, whoever else is silent or slow', async () => {
    const other = switched();
    const { node } = nodeAt({ [SERVER]: {}, [OTHER_SERVER]: other });
    await node.gather();
    other.on = false;
    node.datagrams.nat?.rebind();
    expect(await node.refresh()).toEqual({ changed: true, tookMs: 20 });
  });

  it('is done a second after the first answer when another server is silent, and says which', async () => {
    const other = switched();
    const { node } = nodeAt({ [SERVER]: {}, [OTHER_SERVER]: other });
    await node.gather();
    other.on = false;
    const { changed, tookMs } = await node.refresh();
    expect(changed).toBe(false);
    expect(tookMs).toBeLessThanOrEqual(1030);
    expect(node.source.problems()).toEqual([`1 of 2 STUN servers is of no use: ${OTHER_SERVER} (no answer in time)`]);
  });

  it('is no change when nobody answers: the old mapping may well live', async () => {
    const server = switched();
    const { node } = nodeAt({ [SERVER]: server });
    await node.gather();
    server.on = false;
    const { changed, tookMs } = await node.refresh();
    expect(changed).toBe(false);
    expect(tookMs).toBeLessThanOrEqual(5010);
    expect(node.source.problems()).toEqual([`the STUN server is of no use: ${SERVER} (no answer)`]);
    expect(node.source.natBehavior()).toBeDefined();
  });

  it('is a change when a server answers that nobody had heard of before: there is a candidate to gather', async () => {
    const server = switched();
    server.on = false;
    const { node } = nodeAt({ [SERVER]: server });
    await expect(node.gather()).rejects.toThrow('no answer');
    expect(await node.refresh()).toMatchObject({ changed: false });
    server.on = true;
    expect(await node.refresh()).toMatchObject({ changed: true });
    await node.gather();
    expect(node.addresses).toHaveLength(1);
    expect(node.source.problems()).toEqual([]);
  });

  it('is no change when a server answers again that tells what others told', async () => {
    const other = switched();
    other.on = false;
    const { node } = nodeAt({ [SERVER]: {}, [OTHER_SERVER]: other });
    await node.gather();
    other.on = true;
    expect(await node.refresh()).toMatchObject({ changed: false });
    expect(node.source.problems()).toEqual([]);
  });

  it('takes no lie for a change', async () => {
    let lies = false;
    const { node } = nodeAt({
      [SERVER]: { answer: (fields) => (lies ? { ...fields, mappedAddress: at('10.0.0.9:9') } : fields) },
    });
    await node.gather();
    lies = true;
    expect(await node.refresh()).toMatchObject({ changed: false });
  });

  it('does not judge the NAT again', async () => {
    const { node } = nodeAt({ [SERVER]: { alternate: '203.0.113.11:3479' } });
    await node.gather();
    const opened = node.datagrams.opened.length;
    node.datagrams.nat?.rebind();
    await node.refresh();
    expect(node.datagrams.opened).toHaveLength(opened);
    expect(node.source.natBehavior()).toEqual({ mapping: CONE.mapping, filtering: CONE.filtering });
  });
});
