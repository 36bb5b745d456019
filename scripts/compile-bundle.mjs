// Compiles the bundle's chunks ahead, for bin/bundle.js to start from: half of what a node's start costs on Node 20 is
// compiling. Code for this version of V8 only; any other Node loads the bundle without.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';

const { compiledFolder, sourceOf } = createRequire(import.meta.url)('../packages/cli/bin/bundle.js');

export function compileBundle(bundle) {
  // Later Nodes do it themselves, of what is executed.
  if (module.enableCompileCache !== undefined) return;
  const folder = compiledFolder(bundle);
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(bundle).filter((file) => file.endsWith('.cjs'))) {
    // The name in stacks, which the compiled code keeps: no path, since what is built here may run elsewhere.
    const script = compileEagerly(sourceOf(`${bundle}/${name}`), name);
    writeFileSync(`${folder}/${name}`, script.createCachedData());
  }
}

/** Every function, not just what runs at once: compiling the others when they are called is what takes the time. */
function compileEagerly(source, filename) {
  setFlagsFromString('--no-lazy');
  try {
    return new Script(source, { filename });
  } finally {
    // V8 refuses code that was serialized under other flags than its own.
    setFlagsFromString('--lazy');
  }
}
