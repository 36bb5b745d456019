import type { Schema, SchemaLibrary } from '../../contracts/plugin/schema.js';

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema | boolean;
  readonly prefixItems?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly $ref?: string;
}

/** JSON Schema of what may be written for a zod schema; what has no counterpart there becomes "anything". */
export function toJsonSchema(z: SchemaLibrary, schema: Schema): Record<string, unknown> {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' });
  const { '~standard': _standard, ...rest } = json as Record<string, unknown>;
  return rest;
}

/** Looks up the valid keys of the object at a path. Built on demand: only a mistake needs it. */
export function schemaKeys(z: SchemaLibrary, schema: Schema): (path: readonly PropertyKey[]) => string[] {
  let root: JsonSchema | undefined;
  return (path) => {
    try {
      root ??= toJsonSchema(z, schema) as JsonSchema;
    } catch {
      // A plugin's schema from another zod may not convert; then there is no suggestion, and the problem still stands.
      root = {};
    }
    let level = alternatives(root);
    for (const part of path) level = level.flatMap((node) => alternatives(step(node, part)));
    return [...new Set(level.flatMap((node) => Object.keys(node.properties ?? {})))];
  };
}

function step(node: JsonSchema, part: PropertyKey): JsonSchema | undefined {
  if (typeof part === 'number') {
    const item = node.prefixItems?.[part] ?? node.items;
    return typeof item === 'object' ? item : undefined;
  }
  const key = String(part);
  if (node.properties !== undefined && Object.hasOwn(node.properties, key)) return node.properties[key];
  return typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined;
}

function alternatives(node: JsonSchema | undefined): JsonSchema[] {
  if (node === undefined) return [];
  const inner = [...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(node.allOf ?? [])];
  return [node, ...inner.flatMap((alternative) => alternatives(alternative))];
}
