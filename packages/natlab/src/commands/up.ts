import { preparePair, type PairOptions } from '../connect-pair.js';

/** Leaves a lab standing, with rc files and keys, and says how to use it. */
export async function up(options: PairOptions & { id?: string }): Promise<number> {
  const { lab, server, a, b } = await preparePair({ ...options, standing: true });
  const enter = (name: string) => `ip netns exec ${lab.namespace(name)}`;
  const set = `export XDG_RUNTIME_DIR=${lab.env['XDG_RUNTIME_DIR']}`;
  const routers = lab.namespaces().filter((name) => name.includes('-'));
  process.stdout.write(
    `${[
      `lab ${lab.id}: ${options.a} / ${options.b}, in ${lab.folder}`,
      '',
      '# in every shell: where control sockets are',
      set,
      '# the server',
      `${enter('srv')} ${server.command().join(' ')}`,
      '# node A, node B',
      `${enter('a')} ${a.command().join(' ')}`,
      `${enter('b')} ${b.command().join(' ')}`,
      '# from A to B through the tunnel; how A sees it',
      `${enter('a')} ping ${b.address}`,
      a.command('status').join(' '),
      '# a shell inside: hosts a and b, servers, the internet, routers',
      ...['a', 'b', 'srv', 'inet', ...routers].map((name) => `${enter(name)} bash`),
      '# mappings of a NAT; forget them all',
      ...routers.slice(0, 1).flatMap((name) => [`${enter(name)} conntrack -L`, `${enter(name)} conntrack -F`]),
      '# remove it all',
      `${process.argv[1] ?? 'natlab'} down ${lab.id}`,
    ].join('\n')}\n`,
  );
  return 0;
}
