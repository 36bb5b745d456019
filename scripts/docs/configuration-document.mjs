import { code, generatedFrom, markdownTable } from './markdown-table.mjs';

/** docs/configuration.md, from the JSON Schema of the rc file and the table of environment variables. */
export function configurationDocument({ product, schema, variables, generalVariables }) {
  const { name, environmentPrefix: prefix } = product;
  const { plugins, server, ...own } = schema.properties;
  delete own.$schema;
  const named = plugins.items.anyOf.filter((item) => item.prefixItems?.[0].const !== undefined);
  return `# Configuration

${generatedFrom('the schemas in the code')}

## The rc file

\`--config FILE\`, after the command, names it, or the variable \`${prefix}_CONFIG\`. Without these it is looked for in the working directory, and nowhere above:
\`package.json\` (property \`${name}\`), \`.${name}rc\` (YAML or JSON), \`.${name}rc.json\`, \`.${name}rc.yaml\`, \`.${name}rc.yml\`; then in \`/etc/${name}\`: \`${name}.yaml\`,
\`.yml\` or \`.json\`, or the one file of that kind that is there. A file that is code (\`${name}.config.mjs\`, \`.js\`, \`.cjs\`, \`.ts\`) is only taken when \`--config\` names it. \`${name} check-config\` tells all
that is wrong with a file at once, \`${name} check-config --schema\` prints the JSON Schema that this page is made from.

Paths in the file are relative to its folder, and plugins are resolved from there first, then from those that come with
\`${name}\`. Keys that are not listed here are refused.

A file that others may change is refused, and so is one that belongs to another user: it decides what runs. What counts is the
file and its folder (a sticky folder such as \`/tmp\` is fine); under \`sudo\` the files of the calling user are taken too. A secret
file that others may read draws a warning, as does a secret inside an rc file that they may read; one that they may write is refused.

SIGHUP reads the file again, and the one that \`peersFile\` names: peers and users come and go, STUN, relay and rendezvous servers
are changed, settings of \`traversal\` but \`enabled\` and the level of the log are taken over; living sessions stay. What else has
changed takes a restart: the log names it, and \`status\` until then. A file that is code is read once.

## Keys of a node

A file with none of these but \`plugins\` and \`log\`, and with \`server\`, is a server's.

${optionTable({ properties: { ...own, plugins: { ...plugins, items: undefined } }, required: ['privateKeyFile'] })}

\`privateKeyFile\` or \`privateKey\` has to be there. Durations are \`15s\`, \`500ms\`, \`1m\`, or a number of ms. CIDRs are
canonicalised as \`wg\` does: host bits of allowed IPs are cleared, with a warning.

\`peersFile\` names a YAML or JSON file that is the list of peers itself, without \`peers:\` around it:

\`\`\`yaml
- { name: a, publicKey: "...", allowedIps: [10.77.0.1/32] }
- { name: b, publicKey: "...", allowedIps: [10.77.0.2/32] }
\`\`\`

It is trusted as the rc file is: one that others may change is refused. \`peers\` and \`peersFile\` may be given together; what they
both name is a problem, told with the file and the place of either. An entry with our own key is skipped, so that the same list
serves every machine. Paths in the list are relative to the folder of the rc file.

Peers may come from plugins as well (peer discovery). The key, name and networks of a peer belong to the plugin that named them
first, and the rc file goes before all plugins; what is refused is told under \`problem\` in \`${name} status\`, and the rest is taken.

## Plugins

An entry of \`plugins\` is \`"name"\` or \`["name", options]\`. These come with \`${name}\`; without \`plugins\` a node has
${product.defaultPlugins.map((entry) => code(typeof entry === 'string' ? entry : entry[0])).join(' and ')}.

${named.map((item) => `### ${item.prefixItems[0].const}\n\n${optionTable(item.prefixItems[1])}`).join('\n\n')}

## Server sections

\`${name} serve\` runs what stands under \`server\`.

${Object.entries(server.properties)
  .map(([section, properties]) => `### server.${section}\n\n${optionTable(properties)}`)
  .join('\n\n')}

## Environment variables

They override the file. Any key is reached by its path in upper case, with \`_\` between words and \`__\` between the parts of the
path; values are text, or JSON where they parse as such (\`${prefix}_ADDRESSES='["10.77.0.1/24"]'\`). Those below \`server\` go the same
way: \`${prefix}_SERVER__TURN__REALM\`. Paths stay relative to the rc file's folder.

Options of a plugin are reached by the last part of its name, or all of it, and an item of a list by its index:

\`\`\`
${prefix}_PLUGINS__SOURCE_STUN__SERVERS='["203.0.113.10:3478"]'
${prefix}_PLUGINS__SOURCE_RELAY__SERVERS__0__CREDENTIAL_FILE=/run/secrets/turn
${prefix}_PLUGINS__TRANSPORT_WG__LISTEN_PORT=51820
\`\`\`

The plugin has to be in the list, be that of the file, of \`${prefix}_PLUGINS\` or, where neither is there, the product's own. A
variable that stands for nothing draws a warning with the name that was probably meant; \`${name} plugins\` shows what variables
have set.

${markdownTable(
  ['Variable', 'Key', ''],
  [
    ...variables.map(({ suffix, keyPath, description }) => [code(`${prefix}_${suffix}`), code(keyPath), description]),
    ...generalVariables
      .filter(({ keyPath }) => !variables.some((known) => known.keyPath === keyPath))
      .map(({ variable, keyPath }) => [code(variable), code(keyPath), '']),
  ],
)}
`;
}

/** One row per key; what lies below a key follows it. */
function optionTable(schema) {
  const rows = optionRows(schema, '');
  return rows.length === 0 ? 'No options.' : markdownTable(['Key', 'Type', 'Default', ''], rows);
}

function optionRows(schema, path) {
  return Object.entries(schema.properties ?? {}).flatMap(([key, property]) => {
    const below = `${path}${key}`;
    const inner = property.items !== undefined && property.items.properties ? property.items : property;
    const suffix = inner === property ? '.' : '[].';
    const required = schema.required?.includes(key) && property.default === undefined ? 'required' : '';
    const isSection = inner.properties !== undefined;
    const fallback = property.default === undefined || isSection ? required : code(JSON.stringify(property.default));
    return [
      [code(below), typeOf(property), fallback, property.description ?? ''],
      ...optionRows(inner, `${below}${suffix}`),
      ...alternativeRows(inner, `${below}${suffix}`),
    ];
  });
}

/** Keys of the objects among which a union chooses. */
function alternativeRows(schema, path) {
  const rows = new Map();
  for (const option of schema.anyOf ?? schema.oneOf ?? []) {
    for (const row of optionRows(option.items?.properties ? option.items : option, path)) rows.set(row[0], row);
  }
  return [...rows.values()];
}

function typeOf(schema) {
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined)
    return [...new Set(alternatives.map(typeOf))].filter((text) => text !== '').join(' or ');
  if (schema.const !== undefined) return code(JSON.stringify(schema.const));
  if (schema.enum !== undefined) return schema.enum.map((value) => code(value)).join(', ');
  if (schema.type === 'array' && schema.prefixItems !== undefined)
    return `[${schema.prefixItems.map(typeOf).join(', ')}]`;
  if (schema.type === 'array') return schema.items?.type === undefined ? 'list' : `list of ${typeOf(schema.items)}`;
  if (schema.type === 'integer' || schema.type === 'number') return rangeOf(schema);
  return { string: 'text', boolean: 'boolean', object: 'object', null: 'null' }[schema.type] ?? 'anything';
}

function rangeOf({ minimum, maximum, type }) {
  const word = type === 'integer' ? 'integer' : 'number';
  // Zod writes the bounds of a safe integer where the schema has none of its own.
  const low = minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const high = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (low === undefined && high === undefined) return word;
  if (high === undefined) return `${word} from ${low}`;
  return low === undefined ? `${word} to ${high}` : `${word} ${low} to ${high}`;
}
