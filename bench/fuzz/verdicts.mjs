/** What the run has shown: checks that can fail, and tables to read. */
import { figure } from '../lib/table.mjs';

const MAX_RSS_GROWTH = 64 * 1024 * 1024;
const MAX_HEAP_GROWTH = 4 * 1024 * 1024;

export function verdicts({ seed, count, sockets, decoders, links, spoofed, clients }) {
  const checks = [...links, ...spoofed, ...clients];
  const tables = [];
  if (sockets?.failed !== undefined) checks.push({ ok: false, what: sockets.failed });
  else if (sockets !== undefined) judgeSockets(sockets, checks, tables);
  if (decoders.length > 0) judgeDecoders(decoders, checks, tables);
  return { ok: checks.every(({ ok }) => ok), seed, count, checks, tables };
}

function judgeSockets(run, checks, tables) {
  const { steps, echo, memoryBetween, memoryAfter, ended } = run;
  checks.push({
    ok: ended.code === 0 && ended.signal === null,
    what: `the process under test ended when told, exit ${ended.code ?? ended.signal}${ended.code === 0 ? '' : `\n${ended.stderr}`}`,
  });
  for (const { to, sent, lost, late, withheld, maxRttMs, lostAtMs } of echo.streams) {
    checks.push({
      ok: lost === 0 && sent > 0,
      what: `echo stream to ${to}: ${figure(sent)} sent, ${figure(lost)} lost (${figure(late)} of them late), longest round trip ${figure(maxRttMs)} ms${lost ? ` (sent at ${lostAtMs.join(', ')})` : ''}${withheld ? `; ${figure(withheld)} took more than 1 s because the machine gave no processor` : ''}`,
    });
  }
  const grown = (what) => memoryAfter[what] - memoryBetween[what];
  const heapGrowth = heapOf(memoryAfter) - heapOf(memoryBetween);
  checks.push(
    {
      ok: grown('rss') <= MAX_RSS_GROWTH,
      what: `resident memory grew in the second half by ${mebibytes(grown('rss'))} (at most ${mebibytes(MAX_RSS_GROWTH)})`,
    },
    {
      ok: heapGrowth <= MAX_HEAP_GROWTH,
      what: `heap and buffers grew in the second half, which is like the first, by ${mebibytes(heapGrowth)} (at most ${mebibytes(MAX_HEAP_GROWTH)})`,
    },
  );
  const rows = [
    [
      'kind',
      'half',
      'sent',
      'seconds',
      'longest stall, ms',
      'of it ran, ms',
      'heap, MiB',
      'kernel drops',
      'counted',
      'failed',
    ],
  ];
  for (const { kind, half, amount, seconds, before, after, memory, kernelDrops, outcome } of steps) {
    const counted = countedOf(after) - countedOf(before);
    const internal = internalErrorsOf(after) - internalErrorsOf(before);
    const { ms, ranMs } = after.longestStall;
    const heap = Math.round(heapOf(memory) / 2 ** 16) / 16;
    rows.push([kind, half, amount, seconds, Math.round(ms), Math.round(ranMs), heap, kernelDrops, counted, internal]);
    checks.push({ ok: internal === 0, what: `${kind}, half ${half}: no handler failed` });
    if (!UNCOUNTED.has(kind)) {
      const expected = (outcome.toBeCounted ?? outcome) - kernelDrops;
      checks.push({
        ok: counted >= expected,
        what: `${kind}, half ${half}: status counts ${figure(counted)}; ${figure(expected)} had to be`,
      });
    }
  }
  tables.push(rows, targetRows(run));
}

/** Whom the server cuts off early it may not know to be hostile; and most STUN it answers. */
const UNCOUNTED = new Set(['rendezvous clients', 'mutated STUN at the servers']);

function heapOf({ heapUsed, external }) {
  return heapUsed + external;
}

/** Everything that status counts of what came in: drops, and requests that were answered. */
function countedOf({ nodes, servers }) {
  const sum = (record) =>
    Object.entries(record ?? {}).reduce(
      (total, [key, value]) => (key.startsWith('failed.') ? total : total + value),
      0,
    );
  const atServers = servers.reduce(
    (total, { drops, dropped, closed, bindingRequests = 0 }) =>
      total + sum(drops) + sum(dropped) + sum(closed) + bindingRequests,
    0,
  );
  return nodes.reduce((total, dropped) => total + sum(dropped), 0) + atServers;
}

/** Handlers that threw: the product catches them, and says so. */
function internalErrorsOf({ failed, servers }) {
  return [...Object.values(failed), ...servers.map(({ drops }) => drops?.['internal-error'] ?? 0)].reduce(
    (a, b) => a + b,
    0,
  );
}

function targetRows({ targets, sent, sockets }) {
  const label = ({ family, port }) =>
    sockets.ports[`${family} ${port}`] ??
    (sockets.stunPorts.includes(port) ? `STUN and TURN, IPv${family}` : `relayed port or loopback leg, IPv${family}`);
  const bySort = new Map();
  for (const target of targets) {
    const row = bySort.get(label(target)) ?? { sockets: 0, datagrams: 0, drops: 0 };
    row.sockets += 1;
    row.drops += target.drops;
    for (const byTarget of sent.values()) row.datagrams += byTarget.get(target.key) ?? 0;
    bySort.set(label(target), row);
  }
  const rows = [...bySort].map(([name, { sockets: n, datagrams, drops }]) => [name, n, datagrams, drops]);
  return [['socket', 'how many', 'datagrams', 'kernel drops'], ...rows.sort()];
}

function judgeDecoders(decoders, checks, tables) {
  const rows = [['decoder', 'calls', 'seconds', 'taken', 'threw']];
  for (const { name, calls, seconds, taken, threw, cutShort } of decoders) {
    rows.push([name, calls, seconds, taken, threw.length]);
    checks.push({
      ok: threw.length === 0,
      what: `${name}: nothing thrown in ${figure(calls)} calls${cutShort ? ' (as many as a minute of processor time took)' : ''}${threw.length ? `, but ${threw[0]}` : ''}`,
    });
  }
  tables.push(rows);
}

function mebibytes(bytes) {
  return `${figure(Math.round((bytes / 1024 / 1024) * 10) / 10)} MiB`;
}
