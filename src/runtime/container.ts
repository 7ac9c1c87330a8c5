/**
 * The runtime for podman and Docker: one driver, over the socket that both serve.
 */
import { buildImage } from './container-build.ts'
import { pullImage } from './container-pull.ts'
import { createReads } from './container-reads.ts'
import { createWrites } from './container-writes.ts'
import { connectEngine } from './engine-connect.ts'
import type { ConnectOptions } from './engine-connect.ts'
import type { Runtime } from './runtime.ts'

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
    ...createReads(engine),
    ...createWrites(engine),
    buildImage: (request, output) => buildImage(engine, request, output),
    pullImage: (ref, output) => pullImage(engine, ref, output),
    close: () => engine.close(),
  }
}
