/**
 * From a `ContainerPlan` to what an engine is asked to make. Pure; both engines get the same body.
 */
import type { ContainerPlan, SpecHealthcheck, SpecMount, SpecPort } from '../../plan/types.ts'
import type { EngineName } from './engine-address.ts'
import { engineImageName } from './image-names.ts'
import type { Revealed } from '../runtime.ts'

export interface EngineFacts {
  readonly flavour: EngineName
  /** The host's address on the container's network, where the engine does not know `host-gateway` itself. */
  readonly gateway?: string | undefined
}

/** The body of `POST /containers/create`. `env` holds secrets, so the result must not be shown either. */
export function containerBody(
  container: ContainerPlan,
  env: Revealed,
  { flavour, gateway }: EngineFacts,
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
    ...(spec.healthcheck === undefined ? {} : { Healthcheck: engineHealthcheck(spec.healthcheck) }),
    HostConfig: {
      PortBindings: portBindings(ports, flavour),
      Mounts: (spec.mounts ?? []).map((mount) => engineMount(mount, container)),
      RestartPolicy: { Name: spec.restart ?? 'no' },
      ...(spec.shmBytes === undefined ? {} : { ShmSize: spec.shmBytes }),
      ...(spec.memoryBytes === undefined ? {} : { Memory: spec.memoryBytes }),
      ...(spec.cpus === undefined ? {} : { NanoCpus: nanoCpus(spec.cpus) }),
      ...(spec.init === undefined ? {} : { Init: spec.init }),
      ...(spec.capAdd === undefined ? {} : { CapAdd: spec.capAdd }),
      ...(spec.capDrop === undefined ? {} : { CapDrop: spec.capDrop }),
      ...(spec.extraHosts === undefined ? {} : { ExtraHosts: hostLines(spec.extraHosts, gateway) }),
      ...(network === undefined ? {} : { NetworkMode: network }),
    },
    ...(network === undefined
      ? {}
      : { NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: container.aliases } } } }),
  }
}

const nanoseconds = 1e9

/** Processors as engines count them. */
export function nanoCpus(cpus: number): number {
  return Math.round(cpus * 1e9)
}

/** `NONE` is the engines' word for none at all. */
function engineHealthcheck(healthcheck: SpecHealthcheck | false): Readonly<Record<string, unknown>> {
  if (healthcheck === false) return { Test: ['NONE'] }
  return {
    Test: ['CMD', ...healthcheck.command],
    Interval: healthcheck.intervalSeconds * nanoseconds,
    Timeout: healthcheck.timeoutSeconds * nanoseconds,
    Retries: healthcheck.retries,
    StartPeriod: healthcheck.startSeconds * nanoseconds,
  }
}

function hostLines(hosts: Readonly<Record<string, string>>, gateway: string | undefined): readonly string[] {
  return Object.keys(hosts)
    .toSorted()
    .map((name) => `${name}:${hosts[name] === 'host-gateway' ? (gateway ?? 'host-gateway') : (hosts[name] ?? '')}`)
}

type Bindings = Record<string, { readonly HostIp: string; readonly HostPort: string }[]>

function portBindings(ports: readonly SpecPort[], flavour: EngineName): Bindings {
  const bindings: Bindings = {}
  for (const port of ports) {
    if (port.host === undefined) continue
    // Never all addresses by default: that would open a database to the whole network.
    const binding = { HostIp: hostIp(port.hostAddress ?? '127.0.0.1', flavour), HostPort: String(port.host) }
    bindings[portKey(port)] = [...(bindings[portKey(port)] ?? []), binding]
  }
  return bindings
}

/** Podman's firewall rules take `0.0.0.0` for an address of its own, to which nobody connects; none at all stands for every one. */
function hostIp(address: string, flavour: EngineName): string {
  return flavour === 'podman' && (address === '0.0.0.0' || address === '::') ? '' : address
}

function portKey({ container, protocol }: SpecPort): string {
  return `${String(container)}/${protocol}`
}

/** As `/tmp`. Said aloud: podman takes no mode for one that opens the folder to nobody. */
const openToAll = 0o1777

function engineMount(mount: SpecMount, { name, volumes }: ContainerPlan): Readonly<Record<string, unknown>> {
  if (mount.kind === 'tmpfs')
    return { Type: 'tmpfs', Target: mount.target, TmpfsOptions: { SizeBytes: mount.bytes, Mode: openToAll } }
  const common = { Target: mount.target, ReadOnly: mount.readOnly ?? false }
  // `Mounts` and not `Binds`: a bind whose source is missing is refused there, instead of made as an empty folder owned by root.
  if (mount.kind === 'bind') return { Type: 'bind', Source: mount.source, ...common }
  const source = volumes[mount.volume]
  if (source === undefined) throw new Error(`The plan of ${name} names no volume for ${mount.volume}.`)
  return { Type: 'volume', Source: source, ...common }
}
