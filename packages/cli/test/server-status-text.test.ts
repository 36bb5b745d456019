import { expect, it } from 'vitest';
import { palette } from '../src/text/palette.js';
import { formatServerStatus } from '../src/text/server-status-text.js';
import { NOW_MS } from './fixtures.js';

it('figures of a server are lines for people, however deep they stand', () => {
  const figures = {
    clients: 2,
    maxClients: null,
    groupShare: { used: 3, ofAll: 0.5 },
    dropped: {},
    users: ['lab', 'home'],
    byUser: { lab: { allocations: 1 }, '\u001b[2J': { allocations: 0 } },
  };
  const server = { listeners: [], parts: [{ listeners: ['turn udp'], figures }], failed: {}, problems: [] };
  const document = { server: { ...server, since: new Date(NOW_MS).toISOString(), drainsUntil: null } };
  const text = formatServerStatus(document as never, { palette: palette(false), nowUnixMs: NOW_MS });
  expect(text).toMatchInlineSnapshot(`
    "server up for 0 s

    turn udp
      clients                 2
      max clients             -
      group share
        used                  3
        of all                0.5
      dropped                 none
      users                   lab, home
      by user
        lab
          allocations         1
        \\u001b[2J
          allocations         0
    "
  `);
  expect(text).not.toMatch(/[{}"]/);
});

it('a server that drains says so, and until when', () => {
  const at = new Date(NOW_MS).toISOString();
  const server = { listeners: [], parts: [], failed: {}, problems: [], since: at, drainsUntil: at };
  expect(formatServerStatus({ server }, { palette: palette(false), nowUnixMs: NOW_MS - 60_000 })).toBe(
    'server up for 0 s; drains: takes nobody new, and ends when its last client has gone, in 1 min at the latest\n',
  );
});
