import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { Lab } from '../src/index.js';
import { NAT_KINDS, poll, runProgram, type NatKind } from '../src/index.js';
import { describeInLab, labForTest, report, seconds } from './lab-for-test.js';

const at = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const OBSERVER = ['203.0.113.10:5001', '203.0.113.10:5002', '203.0.113.11:5001'] as const;
const LOCAL_PORT = 40_000;

interface Observation {
  readonly mapped: string | null;
  readonly fromOtherPort: string | null;
  readonly fromOtherAddress: string | null;
  readonly mappedSamePort: string | null;
  readonly mappedElsewhere: string | null;
}

async function observe(lab: Lab, site: string): Promise<Observation> {
  const command = [process.execPath, at('./nat-prober.mjs'), String(LOCAL_PORT), ...OBSERVER];
  return JSON.parse(await lab.exec(site, command)) as Observation;
}

async function startObserver(lab: Lab): Promise<void> {
  await lab.spawn('srv', 'observer', [process.execPath, at('./nat-observer.mjs'), ...OBSERVER]).logged(/ready/);
}

describeInLab('the lab', () => {
  const open = { fromOtherPort: true, fromOtherAddress: true };
  const byAddress = { fromOtherPort: true, fromOtherAddress: false };
  const closed = { fromOtherPort: false, fromOtherAddress: false };
  const kinds: Record<Exclude<NatKind, 'noudp'>, { keepsPort: boolean; sameMapping: boolean } & typeof open> = {
    none: { keepsPort: true, sameMapping: true, ...open },
    portcone: { keepsPort: true, sameMapping: true, ...closed },
    fullcone: { keepsPort: true, sameMapping: true, ...open },
    addrcone: { keepsPort: true, sameMapping: true, ...byAddress },
    shifted: { keepsPort: false, sameMapping: true, ...closed },
    sym: { keepsPort: false, sameMapping: false, ...closed },
    symseq: { keepsPort: false, sameMapping: false, ...closed },
    cgnat: { keepsPort: false, sameMapping: true, ...closed },
  };

  it('has NATs with the mapping and filtering that it says they have', async () => {
    const lab = await labForTest(
      Object.fromEntries(Object.keys(NAT_KINDS).map((kind) => [siteOf(kind), kind as NatKind])),
    );
    await startObserver(lab);
    const seen = await Promise.all(
      Object.entries(kinds).map(async ([kind, { keepsPort, sameMapping, fromOtherPort, fromOtherAddress }]) => {
        const site = lab.site(siteOf(kind));
        const one = await observe(lab, site.name);
        expect(one.mapped, kind).toMatch(new RegExp(`^${site.publicAddress}:`));
        expect(one.mapped === `${site.publicAddress}:${LOCAL_PORT}`, `${kind} keeps the port`).toBe(keepsPort);
        const mappings = new Set([one.mapped, one.mappedSamePort, one.mappedElsewhere]);
        expect(mappings.size, `${kind}: mappings ${[...mappings].join()}`).toBe(sameMapping ? 1 : 3);
        if (kind === 'symseq') {
          const ports = [one.mapped, one.mappedSamePort, one.mappedElsewhere].map((text) =>
            Number(text?.split(':')[1]),
          );
          expect(Math.max(...ports) - Math.min(...ports), `ports in sequence: ${ports.join()}`).toBe(2);
        }
        expect(one.fromOtherPort !== null, `${kind} lets another port in`).toBe(fromOtherPort);
        expect(one.fromOtherAddress !== null, `${kind} lets another address in`).toBe(fromOtherAddress);
        return kind;
      }),
    );
    expect(seen).toHaveLength(8);
  });

  it('lets no UDP out of a site of kind noudp, and TCP', async () => {
    const lab = await labForTest({ a: 'noudp' });
    await startObserver(lab);
    expect(await observe(lab, 'a')).toMatchObject({ mapped: null, mappedSamePort: null, mappedElsewhere: null });
    const connect = `require('net').connect(5003, '203.0.113.10', () => process.exit(0)).on('error', () => process.exit(1))`;
    const listen = `require('net').createServer().listen(5003, () => console.log('ready'))`;
    await lab.spawn('srv', 'tcp', [process.execPath, '-e', listen]).logged(/ready/);
    await lab.exec('a', [process.execPath, '-e', connect]);
  });

  it('rebinds a NAT: another port for the same socket', async () => {
    const lab = await labForTest({ a: 'shifted' });
    await startObserver(lab);
    const before = await observe(lab, 'a');
    expect((await observe(lab, 'a')).mapped).toBe(before.mapped);
    await lab.rebind('a');
    expect((await observe(lab, 'a')).mapped).not.toBe(before.mapped);
  });

  it('blocks UDP between two sites, and only there', async () => {
    const lab = await labForTest({ a: 'none', b: 'portcone' });
    await startObserver(lab);
    const echo = `const s=require('dgram').createSocket('udp4');s.on('message',(m,f)=>s.send(m,f.port,f.address));s.bind(5009,()=>console.log('ready'))`;
    await lab.spawn('a', 'echo', [process.execPath, '-e', echo]).logged(/ready/);
    const ask = `const s=require('dgram').createSocket('udp4');s.on('message',()=>process.exit(0));s.send('?',5009,'${lab.site('a').publicAddress}');setTimeout(()=>process.exit(1),300)`;
    const passes = async () => (await lab.tryExec('b', [process.execPath, '-e', ask])).code === 0;
    expect(await passes()).toBe(true);
    await lab.blockUdp('a', 'b');
    expect(await passes()).toBe(false);
    expect((await observe(lab, 'b')).mapped).not.toBeNull();
    await lab.unblockUdp('a', 'b');
    expect(await passes()).toBe(true);
  });

  it('has IPv6 behind a NAT of IPv4, where it is asked for', async () => {
    const lab = await labForTest({ a: 'portcone', b: 'none' }, { ipv6: true });
    await lab.exec('a', ['ping', '-6', '-n', '-c', '1', '-W', '2', '2001:db8:113::10']);
    await lab.exec('a', ['ping', '-6', '-n', '-c', '1', '-W', '2', lab.site('b').publicAddress6 ?? '']);
  });

  it('stands beside others, comes quickly and goes without a trace', async () => {
    const started = performance.now();
    const labs = await Promise.all([
      labForTest({ a: 'portcone', b: { nat: 'sym', hosts: 2 } }),
      labForTest({ a: 'portcone', b: 'sym' }),
    ]);
    report('two labs at once set up in', seconds(performance.now() - started));
    const [one, two] = labs;
    if (one === undefined || two === undefined) throw new Error('unreachable');
    await Promise.all(labs.map((lab) => lab.exec('b', ['ping', '-n', '-c', '1', '-W', '2', '203.0.113.12'])));
    await one.exec('b', ['ping', '-n', '-c', '1', '-W', '2', one.host('b2').address]);
    const daemon = one.spawn('a', 'sleep', ['sleep', '1000']);
    await one.remove();
    expect(await daemon.exited).toMatchObject({ signal: 'SIGKILL' });
    const left = await runProgram(['ip', 'netns', 'list']);
    expect(left).not.toContain(one.namespace(''));
    expect(left).toContain(two.namespace(''));
    expect(existsSync(one.folder)).toBe(false);
  });

  it('is gone after its program was killed', async () => {
    const program = `
      const { Lab } = await import(${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)});
      const lab = await Lab.create({ a: 'portcone' });
      lab.spawn('a', 'sleep', ['sleep', '1000']);
      console.log(lab.id, lab.folder);
      setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const [id = '', folder = ''] = line.toString().trim().split(' ');
    const standing = async () => (await runProgram(['ip', 'netns', 'list'])).includes(`natlab-${id}-`);
    expect(await standing()).toBe(true);
    child.kill('SIGKILL');
    const gone = async () => ((await standing()) || existsSync(folder) ? undefined : true);
    await poll(gone, { what: 'removal', timeoutMs: 10_000 });
  });
});

function siteOf(kind: string): string {
  return kind.slice(0, 6);
}
