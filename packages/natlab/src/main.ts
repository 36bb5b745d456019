import { parseArgs } from 'node:util';
import { down } from './commands/down.js';
import { grid } from './commands/grid.js';
import { list } from './commands/list.js';
import { up } from './commands/up.js';
import { isLabId } from './lab-names.js';
import { isNatKind, NAT_KINDS, type NatKind } from './network/nat-kind.js';
import { missingForLab } from './requirements.js';

const HELP = `natlab: real NATs in Linux network namespaces, with wirepath nodes behind them. Needs root.

  natlab up KIND_A KIND_B [--name ID]   leaves a lab standing and says how to use it
  natlab list                           the labs that stand
  natlab down [ID...]                   removes them; without an ID all that were left standing
  natlab pair KIND_A KIND_B             connects two nodes once and shows how
  natlab grid [KIND...]                 connects every pair of these kinds (without any, of all kinds)

Options of up, pair and grid: --no-stun and --no-relay leave these out of server and nodes; --ipv6 has both families.

Kinds:
${Object.entries(NAT_KINDS)
  .map(([kind, behaviour]) => `  ${kind.padEnd(9)} ${behaviour}`)
  .join('\n')}

Examples:
  natlab up portcone sym      # then follow what it prints
  natlab pair none portcone   # seconds to the first echo, and the connection at each end
`;

/** @param args as after the program's name. @returns the exit code: 0 done, 1 failed, 2 bad usage. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: 'boolean' },
        name: { type: 'string' },
        ipv6: { type: 'boolean', default: false },
        'no-stun': { type: 'boolean', default: false },
        'no-relay': { type: 'boolean', default: false },
      },
    });
    const [command, ...rest] = positionals;
    if (values.help === true || command === undefined) {
      process.stdout.write(HELP);
      return values.help === true ? 0 : 2;
    }
    if (values.name !== undefined && !isLabId(values.name)) {
      throw new UsageError(`a lab's name is one to five letters or digits, not ${values.name}`);
    }
    const missing = missingForLab();
    if (missing !== undefined) throw new Error(`this machine cannot have labs: ${missing}`);
    const options = { ipv6: values.ipv6, stun: !values['no-stun'], relay: !values['no-relay'] };
    switch (command) {
      case 'up':
        return await up({ ...pairOf(rest), ...options, ...(values.name !== undefined && { id: values.name }) });
      case 'pair':
        return await grid([pairOf(rest)], options);
      case 'grid': {
        const kinds = rest.length === 0 ? (Object.keys(NAT_KINDS) as NatKind[]) : rest.map(kindOf);
        return await grid(
          kinds.flatMap((a, index) => kinds.slice(index).map((b) => ({ a, b }))),
          options,
        );
      }
      case 'list':
        return await list();
      case 'down':
        return await down(rest);
      default:
        throw new UsageError(`there is no command ${command}`);
    }
  } catch (error) {
    const usage = error instanceof UsageError || (error instanceof TypeError && 'code' in error);
    const hint = usage ? '. Run `natlab --help` to see what there is.' : '';
    process.stderr.write(`natlab: ${error instanceof Error ? error.message : String(error)}${hint}\n`);
    return usage ? 2 : 1;
  }
}

class UsageError extends Error {}

function pairOf(args: readonly string[]): { a: NatKind; b: NatKind } {
  const [a, b, ...more] = args.map(kindOf);
  if (a === undefined || b === undefined || more.length > 0) throw new UsageError('expected two kinds of NAT');
  return { a, b };
}

function kindOf(text: string): NatKind {
  if (isNatKind(text)) return text;
  throw new UsageError(`there is no NAT kind ${text}; kinds are ${Object.keys(NAT_KINDS).join(', ')}`);
}
