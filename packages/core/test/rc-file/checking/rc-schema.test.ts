import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  ENVIRONMENT_VARIABLES,
  generalVariables,
  RC_KEYS,
} from '../../../src/rc-file/overrides/environment-variables.js';
import { configJsonSchema } from '../../../src/assembly/json-schema.js';
import { NODE_KEYS, rcSchema } from '../../../src/rc-file/checking/rc-schema.js';
import { toJsonSchema } from '../../../src/rc-file/checking/schema-keys.js';
import { sampleProduct } from '../../assembly/product/sample-product.js';

type Json = { properties: Record<string, Json>; description?: string; anyOf: Json[]; title?: string; items: Json };
const schema = toJsonSchema(z, rcSchema(z, { name: 'sample' })) as unknown as Json;

describe('the schema of the rc file', () => {
  it('has every key that environment variables can reach, and no other', () => {
    const keys = Object.keys(schema.properties).filter((key) => key !== '$schema');
    expect(Object.keys(RC_KEYS).sort()).toEqual(keys.sort());
    for (const [key, below] of Object.entries(RC_KEYS)) {
      if (below === null || below === true) continue;
      expect(Object.keys(below).sort()).toEqual(Object.keys(schema.properties[key]!.properties).sort());
    }
    expect(keys).toEqual(expect.arrayContaining([...NODE_KEYS]));
  });

  it('describes every key', () => {
    const undescribed = Object.entries(schema.properties).filter(([, property]) => property.description === undefined);
    expect(undescribed.map(([key]) => key)).toEqual([]);
  });

  it('has a general name for every named variable but those that read better', () => {
    const general = generalVariables(sampleProduct()).map(({ variable }) => variable);
    expect(general).toContain('SAMPLE_TRAVERSAL__REFRESH_INTERVAL');
    const special = ENVIRONMENT_VARIABLES.filter(({ suffix }) => !general.includes(`SAMPLE_${suffix}`));
    expect(special.map(({ suffix }) => suffix)).toEqual(['LOG_LEVEL']);
  });
});

describe('the JSON Schema', () => {
  it('holds the options of every bundled plugin and server section', async () => {
    const json = (await configJsonSchema(sampleProduct())) as unknown as Json;
    const text = JSON.stringify(json);
    expect(json.title).toBe('Configuration of sample');
    expect(json.properties['plugins']!.items.anyOf.map(({ title }) => title)).toEqual([
      undefined,
      '@sample/transport',
      '@sample/host',
      '@sample/signal',
      '@sample/stun',
      '@sample/relay',
      'any other plugin',
    ]);
    expect(text).toContain('"credentialFile"');
    expect(Object.keys(json.properties['server']!.properties)).toEqual(['stun', 'turn']);
    expect(JSON.parse(text)).toEqual(json);
  });

  it('leaks no name of another product', async () => {
    expect(JSON.stringify(await configJsonSchema(sampleProduct({}, 'acme')))).not.toMatch(/wirepath/i);
  });
});

it('the sources of the configuration name no product', () => {
  const text = readFileSync(new URL('../../../src/assembly/load-config.ts', import.meta.url), 'utf8');
  expect(text).not.toMatch(/wirepath(?!\/stun-codec)/i);
});
