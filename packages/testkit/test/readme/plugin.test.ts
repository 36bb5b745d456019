import { pluginConformance, runConformance } from '../../src/index.js';
import { it } from 'vitest';
import { myPlugin } from './my-plugins.js';

runConformance(
  pluginConformance(() => ({ plugin: myPlugin, options: { ip: '192.0.2.1' } })),
  it,
);
