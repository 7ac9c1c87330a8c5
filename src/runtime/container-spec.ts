/**
 * From a `ContainerPlan` to what an engine is asked to make. Pure; both engines get the same body.
 */
import type { ContainerPlan, SpecMount, SpecPort } from '../plan/types.ts'
import type { EngineName } from './engine-address.ts'
import { engineImageName } from './image-names.ts'
import type { Revealed } from './runtime.ts'

/** The body of `POST /containers/create`. `env` holds secrets, so the result must not be shown either. */
export function containerBody(
  container: ContainerPlan,
  env: Revealed,
  flavour: EngineName,
): Readonly<Record<string, unknown>> {
  const { spec, network } = container
  const ports = spec.ports ?? []
  return {
    Image: engineImageName(spec.image, flavour),
    ...(spec.command === undefined ? {} : { Cmd: spec.command }),
    ...(spec.entrypoint === undefined ? {} : { Entrypoint: spec.entrypoint }),
    Env: Object.keys(env)
      .toSorted()
      .map((name) => `${name}=${env[name] ?? ''}`),
    Labels: container.labels,
    ExposedPorts: Object.fromEntries(ports.map((port) => [portKey(port), {}])),
    ...(spec.workdir === undefined ? {} : { WorkingDir: spec.workdir }),
    ...(spec.user === undefined ? {} : { User: spec.user }),
    ...(spec.stopSignal === undefined ? {} : { StopSignal: spec.stopSignal }),
    ...(spec.stopGraceSeconds === undefined ? {} : { StopTimeout: spec.stopGraceSeconds }),
    HostConfig: {
      PortBindings: portBindings(ports),
      Mounts: (spec.mounts ?? []).map((mount) => engineMount(mount, container)),
      RestartPolicy: { Name: spec.restart ?? 'no' },
      ...(spec.shmBytes === undefined ? {} : { ShmSize: spec.shmBytes }),
      ...(network === undefined ? {} : { NetworkMode: network }),
    },
    ...(network === undefined
      ? {}
      : { NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: container.aliases } } } }),
  }
}

type Bindings = Record<string, { readonly HostIp: string; readonly HostPort: string }[]>

function portBindings(ports: readonly SpecPort[]): Bindings {
  const bindings: Bindings = {}
  for (const port of ports) {
    if (port.host === undefined) continue
    // Never all addresses by default: that would open a database to the whole network.
    const binding = { HostIp: port.hostAddress ?? '127.0.0.1', HostPort: String(port.host) }
    bindings[portKey(port)] = [...(bindings[portKey(port)] ?? []), binding]
  }
  return bindings
}

function portKey({ container, protocol }: SpecPort): string {
  return `${String(container)}/${protocol}`
}

function engineMount(mount: SpecMount, { name, volumes }: ContainerPlan): Readonly<Record<string, unknown>> {
  const common = { Target: mount.target, ReadOnly: mount.readOnly ?? false }
  // `Mounts` and not `Binds`: a bind whose source is missing is refused there, instead of made as an empty folder owned by root.
  if (mount.kind === 'bind') return { Type: 'bind', Source: mount.source, ...common }
  const source = volumes[mount.volume]
  if (source === undefined) throw new Error(`The plan of ${name} names no volume for ${mount.volume}.`)
  return { Type: 'volume', Source: source, ...common }
}
