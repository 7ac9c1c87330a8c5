/**
 * The runtime for podman and Docker: one driver, over the socket that both serve.
 */
import { attach } from './attach.ts'
import { describeEngine } from './describe.ts'
import { builtImages, removeImage, tagImage } from './images.ts'
import { watchEnds } from './events.ts'
import { changesInPlace, updateContainer } from './limits.ts'
import { pullImage } from './pull.ts'
import { createReads } from './reads.ts'
import { createWrites } from './writes.ts'
import { connectEngine } from './engine-connect.ts'
import type { ConnectOptions } from './engine-connect.ts'
import type { Runtime } from '../runtime.ts'

/**
 * Connects to an engine that answers.
 *
 * @throws `RUNTIME_MISSING`, `RUNTIME_UNREACHABLE`
 */
export async function createContainerRuntime(options: ConnectOptions): Promise<Runtime> {
  const engine = await connectEngine(options)
  return {
    name: options.name,
    containersPossible: true,
    changesInPlace: changesInPlace(engine),
    remoteHost: engine.remoteHost,
    seesFiles: engine.local,
    ...createReads(engine),
    ...createWrites(engine),
    buildImage: async (request, output) => (await import('./build.ts')).buildImage(engine, request, output),
    tagImage: (ref, names, { signal }) => tagImage(engine, { ref, names, signal }),
    builtImages: (owner, { signal }) => builtImages(engine, owner, signal),
    removeImage: (target, { signal }) => removeImage(engine, target, signal),
    updateContainer: (target, fields, { signal }) => updateContainer(engine, { target, fields, signal }),
    attach: (target, request, { signal }) => attach(engine, { target, request, signal }),
    pullImage: (ref, output) => pullImage(engine, ref, output),
    watchEnds: (scope, ends) => watchEnds(engine, scope, ends),
    describe: ({ signal }) => describeEngine(engine, signal),
    close: () => engine.close(),
  }
}
