import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { killSwitchUnit, systemdUnit } from '../src/commands/systemd-unit.js';
import { wirepath } from '../src/product.js';

const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0;
if (!hasAnalyze) console.log('skipped: systemd’s own look at the units: needs systemd-analyze');

describe.each(['node', 'server'] as const)('the unit of systemd for a %s', (role) => {
  it('is the file that the package brings (else run scripts/generate-docs.mjs)', () => {
    const name = role === 'node' ? 'wirepath@.service' : 'wirepath-server@.service';
    const file = fileURLToPath(new URL(`../systemd/${name}`, import.meta.url));
    expect(readFileSync(file, 'utf8')).toBe(systemdUnit(wirepath, role));
  });

  it('bears a vendor’s name, and no other', () => {
    const text = systemdUnit({ name: 'acme-mesh', homepage: 'https://acme.example' }, role);
    expect(text).toMatch(/^User=acme-mesh$/m);
    expect(text).toMatch(/^ExecStart=acme-mesh (up|serve) --config \/etc\/acme-mesh\/%i\.yaml$/m);
    expect(text).not.toContain('wirepath');
  });

  it('grants one capability, the same in every set', () => {
    const sets = [...systemdUnit(wirepath, role).matchAll(/^(Ambient|CapabilityBounding)\w*=(.*)$/gm)];
    expect(sets.map(([, , value]) => value)).toEqual(
      role === 'node' ? ['CAP_NET_ADMIN', 'CAP_NET_ADMIN'] : ['CAP_NET_BIND_SERVICE', 'CAP_NET_BIND_SERVICE'],
    );
  });

  it.skipIf(!hasAnalyze)('is what systemd takes without a word', () => {
    const folder = mkdtempSync(join(tmpdir(), 'unit-'));
    const file = join(folder, 'x@.service');
    // It looks for the program too, which is not installed here.
    writeFileSync(file, systemdUnit(wirepath, role).replace('ExecStart=wirepath', `ExecStart=${process.execPath}`));
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: '' });
  });
});

describe('the unit that loads the kill switch', () => {
  it('is the file that the package brings (else run scripts/generate-docs.mjs)', () => {
    const file = fileURLToPath(new URL('../systemd/wirepath-kill-switch@.service', import.meta.url));
    expect(readFileSync(file, 'utf8')).toBe(killSwitchUnit(wirepath));
  });

  it('comes before the network, and the node’s unit wants it', () => {
    const text = killSwitchUnit({ name: 'acme-mesh', homepage: 'https://acme.example' });
    expect(text).toMatch(/^Before=network-pre.target /m);
    expect(text).toMatch(/^Wants=network-pre.target$/m);
    expect(text).toMatch(/^DefaultDependencies=no$/m);
    expect(text).toMatch(/^ExecStart=acme-mesh kill-switch --config \/etc\/acme-mesh\/%i\.yaml$/m);
    expect(text).not.toContain('wirepath');
    const node = systemdUnit({ name: 'acme-mesh', homepage: 'https://acme.example' }, 'node');
    expect(node).toMatch(/^Wants=.*acme-mesh-kill-switch@%i\.service$/m);
    expect(node).toMatch(/^After=.*acme-mesh-kill-switch@%i\.service$/m);
  });
});
