/**
 * The stack as its databases keep it: what is declared and what runs, in rows, and what two of such records differ in. Pure.
 */
import { compareText } from '../config/text-order.ts'
import {
  compareContainers,
  type ContainerRow,
  type ServiceRow,
  type StackRecord,
} from '../migrations/ledger/stack-tables.ts'
import { currentContainer, wasStopped } from './current.ts'
import { recordDigest, specDigest } from './jobs.ts'
import { isOurs } from './names.ts'
import { selectServices } from './order.ts'
import { addressesOf } from './status.ts'
import type { FieldChange } from './step.ts'
import type {
  DeclaredService,
  DeclaredStack,
  Desired,
  DesiredService,
  Observed,
  ObservedContainer,
  ObservedVolume,
  RecordedSpec,
} from './types.ts'

/** The declared half of a record: all that `describeStack` needs besides a look at the runtime. */
export function declaredStack(desired: Desired, names: readonly string[]): DeclaredStack {
  const { stack, project, root } = desired
  const idle = names.length > 0 ? [] : desired.services.filter((service) => service.idle !== undefined)
  const services = [...selectServices(desired.services, names), ...idle]
    .map((service) => declaredService(service, desired))
    .toSorted((a, b) => compareText(a.name, b.name))
  return { stack, project, root, services, whole: names.length === 0 }
}

function declaredService(service: DesiredService, { digests }: Desired): DeclaredService {
  const { container, kind, name, probe } = service
  const isIdle = service.idle === undefined ? {} : ({ idle: true } as const)
  const common = { name, kind, addresses: addressesOf(service), isJob: probe.kind === 'completed', ...isIdle }
  // What one is made of that does not run by itself was not read.
  if (container === undefined || service.idle !== undefined)
    return { ...common, image: undefined, specDigest: undefined }
  return { ...common, image: container.spec.image, specDigest: specDigest(container.spec, digests) }
}

/**
 * What is declared, and what the runtime shows of it. Nothing in it is of the moment only: whether a service answers is asked anew
 * by every look, so it is not recorded.
 */
export function describeStack(
  declared: DeclaredStack,
  { runtime, containers, volumes }: Pick<Observed, 'runtime' | 'containers' | 'volumes'>,
): StackRecord {
  const names = new Set(declared.services.map(({ name }) => name))
  const ours = containers.filter(({ owner, service }) => isOurs(owner, declared) && names.has(service ?? ''))
  const shown = declared.services.flatMap((service): readonly DeclaredService[] => {
    if (service.idle !== true) return [service]
    const spec = currentContainer(service.name, ours, declared)?.spec
    return spec === undefined ? [] : [{ ...service, image: imageOf(spec), specDigest: recordDigest(spec) }]
  })
  return {
    system: { stack: declared.stack, root: declared.root, runtime },
    services: shown.map((service): ServiceRow => {
      const { addresses, image, isJob, kind, name, specDigest: digest } = service
      const mine = currentContainer(name, ours, declared)
      const isDone = isJob && volumes.some((volume) => remembers(volume, service, declared))
      const isExternal = kind === 'external'
      return {
        name,
        stack: declared.stack,
        kind,
        runtime: isExternal ? undefined : runtime,
        image,
        specDigest: digest,
        addresses,
        state: isExternal ? 'external' : stateOf(mine, { isJob, isDone }),
      }
    }),
    containers: ours.map((container) => containerRow(container, runtime)).toSorted(compareContainers),
    whole: declared.whole,
  }
}

function containerRow({ spec, ...container }: ObservedContainer, runtime: string): ContainerRow {
  const { id, name, service = '', state, exitCode, imageId } = container
  return {
    id,
    service,
    name,
    image: spec === undefined ? undefined : imageOf(spec),
    imageId: imageId === '' ? undefined : imageId,
    runtime,
    state,
    // Some engines say 0 of what still runs.
    exitCode: state === 'exited' || state === 'dead' ? exitCode : undefined,
    ports: [...new Set(container.ports.map(({ host, hostAddress }) => addressText(hostAddress, host)))].toSorted(
      compareText,
    ),
  }
}

function imageOf({ image }: RecordedSpec): string | undefined {
  return typeof image === 'string' ? image : undefined
}

function addressText(address: string, port: number): string {
  return `${address.includes(':') ? `[${address}]` : address}:${String(port)}`
}

function remembers(
  { job, owner }: ObservedVolume,
  { name, specDigest: digest }: Pick<DeclaredService, 'name' | 'specDigest'>,
  declared: DeclaredStack,
): boolean {
  return isOurs(owner, declared) && job?.service === name && job.digest === digest
}

function stateOf(
  current: ObservedContainer | undefined,
  { isJob, isDone }: { readonly isJob: boolean; readonly isDone: boolean },
): string {
  if (current === undefined) return isDone ? 'completed' : 'absent'
  const { exitCode, state } = current
  if (state === 'running') return state
  if (state === 'created' || state === 'paused') return 'stopped'
  if (state !== 'exited') return 'failed'
  if (isJob && exitCode !== undefined) return exitCode === 0 ? 'completed' : 'failed'
  return wasStopped(current) ? 'stopped' : 'failed'
}

export interface RecordDifference {
  /** Sorted by path: `web.specDigest`, `web.containers.shop-web.id`. */
  readonly changes: readonly FieldChange[]
  /** How many services have a row that differs. */
  readonly services: number
}

/** What stands in the tables and is not so; of the services in `after` alone, if that is not the whole stack. */
export function diffRecords(before: StackRecord, after: StackRecord): RecordDifference {
  const names = new Set(after.services.map(({ name }) => name))
  const concerned = (service: string): boolean => after.whole || names.has(service)
  const services = diffRows(
    new Map(before.services.filter(({ name }) => concerned(name)).map((row) => [row.name, serviceFields(row)])),
    new Map(after.services.map((row) => [row.name, serviceFields(row)])),
  )
  const containers = diffRows(
    new Map(
      before.containers.filter(({ service }) => concerned(service)).map((row) => [pathOf(row), containerFields(row)]),
    ),
    new Map(after.containers.map((row) => [pathOf(row), containerFields(row)])),
  )
  const system = diffRows(new Map([['system', before.system]]), new Map([['system', after.system]]))
  const touched = new Set([
    ...services.map(({ row }) => row),
    ...containers.map(({ row }) => row.slice(0, row.indexOf('.'))),
  ])
  const changes = [...services, ...containers, ...system].map(({ change }) => change)
  return { changes: changes.toSorted((a, b) => compareText(a.path, b.path)), services: touched.size }
}

type Fields = Readonly<Record<string, string | undefined>>

function serviceFields(row: ServiceRow): Fields {
  return { ...row, addresses: row.addresses.join(' ') }
}

function pathOf({ service, name }: ContainerRow): string {
  return `${service}.containers.${name}`
}

function containerFields(row: ContainerRow): Fields {
  const { exitCode, ports } = row
  return { ...row, exitCode: exitCode === undefined ? undefined : String(exitCode), ports: ports.join(' ') }
}

interface RowChange {
  readonly row: string
  readonly change: FieldChange
}

/** A row that only one side has is one change, told by its state. */
function diffRows(before: ReadonlyMap<string, Fields>, after: ReadonlyMap<string, Fields>): readonly RowChange[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((row): readonly RowChange[] => {
    const [old, wanted] = [before.get(row), after.get(row)]
    if (old === undefined || wanted === undefined)
      return [{ row, change: { path: row, before: old?.['state'], after: wanted?.['state'] } }]
    return [...new Set([...Object.keys(old), ...Object.keys(wanted)])]
      .filter((field) => old[field] !== wanted[field])
      .map((field) => ({
        row,
        change: { path: `${row}.${field}`, before: shorten(old[field]), after: shorten(wanted[field]) },
      }))
  })
}

/** Ids and digests tell a person nothing by their length. */
function shorten(value: string | undefined): string | undefined {
  return value?.replace(/^((?:sha256:)?[0-9a-f]{12})[0-9a-f]+$/, '$1')
}
