import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { readXml } from '../src/upnp/xml.js';
import {
  answerSearches,
  askGateway,
  ELSEWHERE_IP,
  GATEWAY_IP,
  HostileGateway,
  ok,
  searchAnswer,
  STRANGER_IP,
} from './hostile-gateway.js';

const SERVICE_TYPE = 'urn:schemas-upnp-org:service:WANIPConnection:1';

function description(controlUrl: string, base = ''): string {
  return `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0">${base}<device><deviceList><device><serviceList>
    <service><serviceType>${SERVICE_TYPE}</serviceType><controlURL>${controlUrl}</controlURL></service>
  </serviceList></device></deviceList></device></root>`;
}

function response(action: string, values = ''): string {
  return ok(
    `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><u:${action}Response xmlns:u="${SERVICE_TYPE}">${values}</u:${action}Response></s:Body></s:Envelope>`,
  );
}

function fault(code: number): string {
  const body = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><detail><UPnPError><errorCode>${code}</errorCode></UPnPError></detail></s:Fault></s:Body></s:Envelope>`;
  return ok(body).replace('200 OK', '500 Internal Server Error');
}

/** An honest one, but for what is said otherwise. */
function answers(otherwise: Readonly<Record<string, string | readonly string[]>> = {}, controlUrl = '/control') {
  const used = new Map<string, number>();
  return (request: string, socket: Socket) => {
    const action = /SOAPAction: "[^#]*#(\w+)"/i.exec(request)?.[1] ?? 'description';
    const honest: Readonly<Record<string, string>> = {
      description: ok(description(controlUrl)),
      GetExternalIPAddress: response(
        'GetExternalIPAddress',
        '<NewExternalIPAddress>198.51.100.1</NewExternalIPAddress>',
      ),
      GetSpecificPortMappingEntry: fault(714),
      AddPortMapping: response('AddPortMapping'),
      DeletePortMapping: response('DeletePortMapping'),
    };
    const other = otherwise[action];
    const count = used.get(action) ?? 0;
    used.set(action, count + 1);
    const text = Array.isArray(other) ? (other[count] as string | undefined) : (other as string | undefined);
    socket.end(text ?? honest[action] ?? fault(401));
  };
}

/** What becomes of asking it. */
async function ask(answer: HostileGateway['answer'], locations?: (gateway: HostileGateway) => readonly string[]) {
  await using gateway = await HostileGateway.start();
  await using elsewhere = await HostileGateway.start(ELSEWHERE_IP);
  elsewhere.answer = (_request, socket) => socket.end(ok(description('/control')));
  gateway.answer = answer;
  let isAsking = true;
  await using _search = await answerSearches(GATEWAY_IP, (client, socket) => {
    const told = locations?.(gateway) ?? [`${gateway.url}/description.xml`];
    for (const [index, location] of told.entries()) {
      const bytes = searchAnswer(location.replace('ELSEWHERE', elsewhere.url));
      // Not all at once: the system keeps a few hundred for a socket that does not read yet.
      const send = () => isAsking && socket.send(bytes, client, '127.0.0.1');
      setTimeout(send, index / 10);
    }
  });
  const { outcome, drops } = await askGateway();
  isAsking = false;
  // Nothing is ever sent anywhere else.
  expect(elsewhere.requests).toEqual([]);
  await expect.poll(() => gateway.openConnections).toBe(0);
  const reason = outcome?.kind === 'failed' ? outcome.reason : undefined;
  return { outcome, drops, reason, requests: [...gateway.requests] };
}

describe('a UPnP gateway', () => {
  it('that is honest is asked no more than it takes', async () => {
    const { outcome, requests } = await ask(answers());
    expect(outcome).toMatchObject({
      kind: 'mapped',
      mapping: { external: { ip: '198.51.100.1', port: 51_820 }, lifetimeMs: 7_200_000 },
    });
    expect(requests).toEqual([
      'GET /description.xml HTTP/1.1',
      'GetExternalIPAddress',
      'GetSpecificPortMappingEntry',
      'AddPortMapping',
    ]);
  });

  it.each([
    ['that knows leases without an end only', { AddPortMapping: [fault(725)] }, 51_820],
    ['whose port is taken', { AddPortMapping: [fault(718)] }, 33_280],
    [
      'whose port another machine has, and which would give it away',
      {
        GetSpecificPortMappingEntry: [
          response(
            'GetSpecificPortMappingEntry',
            '<NewInternalPort>51820</NewInternalPort><NewInternalClient>192.168.1.9</NewInternalClient>',
          ),
        ],
      },
      33_280,
    ],
  ])('%s is asked otherwise', async (_what, otherwise, port) => {
    const { outcome } = await ask(answers(otherwise));
    expect(outcome).toMatchObject({ kind: 'mapped', mapping: { external: { port } } });
  });

  it('whose ports are all taken is left in peace', async () => {
    const { reason, requests } = await ask(answers({ AddPortMapping: Array.from({ length: 99 }, () => fault(718)) }));
    expect(reason).toMatch(/another machine \(UPnP error 718\)/);
    expect(requests.filter((request) => request === 'AddPortMapping')).toHaveLength(5);
  });

  it.each([
    ['multicast', '239.0.0.1'],
    ['loopback', '127.0.0.1'],
    ['nobody', '0.0.0.0'],
    ['the link', '169.254.1.1'],
    ['nothing', ''],
    ['text', '&lt;b&gt;'],
  ])('that claims to be %s outside gives no candidate', async (_what, ip) => {
    const told = `<NewExternalIPAddress>${ip}</NewExternalIPAddress>`;
    const { reason, requests } = await ask(answers({ GetExternalIPAddress: response('GetExternalIPAddress', told) }));
    expect(reason).toMatch(/^it (forwards|tells)/);
    expect(requests).not.toContain('AddPortMapping');
  });

  it.each([
    [
      'a description',
      answers({ description: 'HTTP/1.1 301 Moved\r\nLocation: ELSEWHERE\r\nContent-Length: 0\r\n\r\n' }),
    ],
    [
      'an action',
      answers({ GetExternalIPAddress: 'HTTP/1.1 307 Moved\r\nLocation: ELSEWHERE\r\nContent-Length: 0\r\n\r\n' }),
    ],
  ])('that redirects %s is not followed', async (_what, answer) => {
    expect((await ask(answer)).reason).toMatch(/HTTP status 30/);
  });

  it.each([
    'ELSEWHERE/description.xml',
    `https://${GATEWAY_IP}/description.xml`,
    `http://${GATEWAY_IP}@${ELSEWHERE_IP}/`,
    `http://user:password@${GATEWAY_IP}/`,
    `http://${GATEWAY_IP}.example/`,
    'file:///etc/passwd',
    `http://${GATEWAY_IP}/${'a'.repeat(600)}`,
    `http://${GATEWAY_IP}/a b`,
  ])('that leads to %s is not asked there', async (location) => {
    const { requests, reason } = await ask(answers(), () => [location]);
    expect([requests, reason]).toEqual([[], 'no answer']);
  });

  it('that is controlled elsewhere is not controlled', async () => {
    const { reason, requests } = await ask(answers({}, `http://${ELSEWHERE_IP}/control`));
    expect(reason).toMatch(/no service that maps ports at its own address/);
    expect(requests).toHaveLength(1);
  });

  const endless =
    (head: string, body: string) =>
    (_request: string, socket: Socket): void => {
      socket.write(head);
      const more = (): void => {
        while (!socket.destroyed && socket.write(body)) continue;
      };
      socket.on('drain', more);
      more();
    };

  it.each([
    ['a body without an end', endless('HTTP/1.1 200 OK\r\n\r\n', 'a'.repeat(65_536)), /more than 128 KiB/],
    ['headers without an end', endless('HTTP/1.1 200 OK\r\n', 'X-A: b\r\n'.repeat(1000)), /HTTP fails/],
    [
      'a byte now and then',
      (_: string, socket: Socket): void => {
        const timer = setInterval(() => socket.write('H'), 50);
        socket.on('close', () => clearInterval(timer));
      },
      /HTTP (fails|takes longer)/,
    ],
    ['nothing at all', () => undefined, /HTTP takes longer than 4 s/],
    ['a closed connection', (_: string, socket: Socket): void => void socket.destroy(), /HTTP fails/],
    [
      'half of what it announces',
      (_: string, socket: Socket): void => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\na'),
      /HTTP fails/,
    ],
  ] as const)('that sends %s is not waited for', async (_what, answer, expected) => {
    expect((await ask(answer)).reason).toMatch(expected);
  });

  it('that answers a search a thousand times is read a few', async () => {
    const many = Array.from({ length: 1000 }, (_, index) => index);
    const useless = answers({ description: Array.from({ length: 99 }, () => ok('<a/>')) });
    const { requests, drops } = await ask(
      (request, socket) => void setTimeout(() => useless(request, socket), 100),
      (gateway) => many.map((index) => `${gateway.url}/${index}.xml`),
    );
    expect(requests.length).toBeLessThanOrEqual(4);
    expect(drops['too-many']).toBeGreaterThan(0);
  });

  it('whose address another uses not is not heard from there', async () => {
    await using stranger = await HostileGateway.start(STRANGER_IP);
    await using _silent = await answerSearches(GATEWAY_IP, (client) => {
      void answerOnce(client, stranger.url);
    });
    const { outcome, drops } = await askGateway();
    expect(outcome).toMatchObject({ kind: 'failed', silent: true });
    expect(drops['foreign']).toBeGreaterThan(0);
    expect(stranger.requests).toEqual([]);
  });

  it('is told that a mapping is not wanted any more', async () => {
    await using gateway = await HostileGateway.start();
    gateway.answer = answers();
    const { outcome } = await askGateway({ controlUrl: `${gateway.url}/control`, serviceType: SERVICE_TYPE });
    expect([outcome, gateway.requests]).toEqual([{ kind: 'unmapped' }, ['DeletePortMapping']]);
  });
});

async function answerOnce(client: number, url: string): Promise<void> {
  const { createSocket } = await import('node:dgram');
  const socket = createSocket('udp4');
  socket.bind(1900, STRANGER_IP, () =>
    socket.send(searchAnswer(`${url}/description.xml`), client, '127.0.0.1', () => socket.close()),
  );
  socket.on('error', () => socket.close());
}

describe('XML', () => {
  it.each([
    ['a document type', '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 'it has a document type'],
    ['an external entity', '<!DOCTYPE a SYSTEM "http://192.0.2.1/"><a/>', 'it has a document type'],
    ['an unknown entity', '<a>&b;</a>', 'it is not well-formed XML'],
    ['what is not closed', '<a><b></a>', 'it is not well-formed XML'],
    ['nothing', '', 'it is not well-formed XML'],
    ['depth', '<a>'.repeat(10_000), 'it is deeper than 32 elements'],
    ['numbers', `<a>${'<b/>'.repeat(10_000)}</a>`, 'it has more than 4096 elements'],
  ])('with %s is not read', (_what, text, why) => {
    expect(readXml(text)).toBe(why);
  });

  it('is read without prefixes, with the five entities', () => {
    expect(readXml('<x:a xmlns:x="y"><x:b> 1 &amp; 2 </x:b><![CDATA[ c ]]></x:a>')).toEqual({
      name: 'a',
      text: 'c',
      children: [{ name: 'b', text: '1 & 2', children: [] }],
    });
  });
});
