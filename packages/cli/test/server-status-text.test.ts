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
  const document = { server: { ...server, since: new Date(NOW_MS).toISOString() } };
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
