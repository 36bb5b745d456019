import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { WireguardGo } from '../../../src/attached/device/wireguard-go.js';
import { UapiClient } from '../../../src/uapi/socket/client.js';
import { uapiSocketPath } from '../../../src/uapi/socket/socket-file.js';
import { lacking, uniqueInterface, until } from '../../uapi/programs.js';

const reason = lacking('wireguard-go');
if (reason) console.log(`skipped: wireguard-go as a child: ${reason}`);

describe.skipIf(reason)('a wireguard-go of our own', () => {
  const signal = new AbortController().signal;
  const daemons: WireguardGo[] = [];
  const daemon = (options: ConstructorParameters<typeof WireguardGo>[0]) => {
    const made = new WireguardGo(options);
    daemons.push(made);
    return made;
  };
  afterEach(() => Promise.all(daemons.splice(0).map((each) => each.stop())));

  it('answers once started, and leaves neither process nor socket nor device', async () => {
    const interfaceName = uniqueInterface();
    const made = daemon({ interfaceName });
    await made.start({ signal });
    expect(await UapiClient.forInterface(interfaceName).get()).toMatchObject({ peers: [] });
    expect(existsSync(`/sys/class/net/${interfaceName}`)).toBe(true);
    const pid = made.pid!;
    await made.stop();
    await made.stop();
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(existsSync(uapiSocketPath(interfaceName))).toBe(false);
    await until('the device is gone', () => !existsSync(`/sys/class/net/${interfaceName}`));
  });

  it('does not touch a device that is there', async () => {
    const interfaceName = uniqueInterface();
    await daemon({ interfaceName }).start({ signal });
    const second = daemon({ interfaceName });
    await expect(second.start({ signal })).rejects.toMatchObject({ code: 'INTERFACE_IN_USE' });
    await second.stop();
    expect(await UapiClient.forInterface(interfaceName).get()).toMatchObject({ peers: [] });
  });

  it('says when the command is not there, or ends', async () => {
    const interfaceName = uniqueInterface();
    const expected = { code: 'NETWORK_CONFIG' };
    await expect(daemon({ interfaceName, command: 'no-such-wg' }).start({ signal })).rejects.toMatchObject(expected);
    await expect(daemon({ interfaceName, command: 'false' }).start({ signal })).rejects.toMatchObject(expected);
  });

  it('stops while it starts', async () => {
    const made = daemon({ interfaceName: uniqueInterface() });
    const starting = made.start({ signal });
    const stopping = made.stop();
    await expect(starting).rejects.toMatchObject({ code: 'ABORTED' });
    await stopping;
    expect(made.pid).toBeUndefined();
  });
});
