/**
 * What the methods of a stack are given and give, beside what `plan/` and `events.ts` say. Types only: users' editors read them.
 */
import type { ConfigExport, RuntimeChoice } from '../config/define.ts'
import type { Permissions } from '../config/permissions.ts'
import type { PoststackError } from '../errors.ts'
import type { Outcome } from '../events.ts'
import type { DatabaseChoice } from '../plan/choose-database.ts'
import type { ServiceStatus, StackStatus } from '../plan/status.ts'
import type { Plan } from '../plan/step.ts'
import type { ObservedContainer, RuntimeName } from '../plan/types.ts'
import type { AttachedProgram, LogLine } from '../runtime/runtime.ts'
import type { ConfirmTakeBack, OnEdit } from '../watch/take-back.ts'

/** Those of `openStack` that the config depends on. */
export interface ConfigOptions {
  /** Where to look for `poststack.config.ts`, from here upward. */
  readonly cwd: string
  /** The config file, relative to `cwd`, instead of looking for one. */
  readonly configFile?: string | undefined
  /** The config itself instead of a file: what the default export of one would be. `cwd` is the project then, and paths are relative to it. */
  readonly config?: ConfigExport | undefined
  /** Handed to the config's function. @default 'development' */
  readonly mode?: string | undefined
  /** The environment variables that the config and the engines' programs may see. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** What a guarded config may do besides what package.json grants. Paths are relative to `cwd`. @default nothing */
  readonly permissions?: Permissions | undefined
  /** One of several stacks of this config beside each other: part of the name of the stack, and of everything that it makes. */
  readonly instance?: string | undefined
  /** Services with one of these profiles run without being named. @default those that the config asks for */
  readonly profiles?: readonly string[] | undefined
  /** Evaluate the config with every permission instead of guarded. @default false */
  readonly allowAll?: boolean | undefined
  /** Wins over the config's `runtime`. */
  readonly runtime?: RuntimeChoice | undefined
}

export interface CallOptions {
  /** Stops this call, as the stack's own signal stops all of them: what was begun is taken back, and it fails with `INTERRUPTED`. @default never */
  readonly signal?: AbortSignal | undefined
}

export interface SelectOptions extends CallOptions {
  /** Only these services and what they depend on; all when empty. */
  readonly services?: readonly string[] | undefined
}

export interface UpOptions extends SelectOptions {
  /** Overrides how long each service may take to become ready. */
  readonly waitTimeoutMs?: number | undefined
  /** Something is known to have changed: the look that saves an unchanged stack the lock is left out. @default false */
  readonly expectsChange?: boolean | undefined
  /** Whether it begins with asking registries for newer images, where that is declared with `pull: 'always'`. @default true */
  readonly pull?: boolean | undefined
  /**
   * Asked, before anything is done, with a plan in which a migration takes away data that are there, as far as a first look shows; when it
   * says no, nothing is done: `CONSENT_NEEDED`. @default nobody is asked
   */
  readonly confirm?: ((plan: Plan) => Promise<boolean>) | undefined
}

/** What is done to the stack as a whole, or to some services and what they depend on. */
export interface WholeStack {
  /** What `up` would do, and why. Changes nothing and writes nothing. */
  plan(options?: SelectOptions): Promise<Plan>
  /** Makes it as declared. Throws when no plan could be made or it is blocked; a failed step is told in the outcome. */
  up(options?: UpOptions): Promise<Outcome>
  /** Stops and removes what runs; volumes stay unless asked for. */
  down(options?: DownOptions): Promise<Outcome>
  status(options?: CallOptions): Promise<StackStatus>
}

export interface StackWatchOptions extends SelectOptions {
  /**
   * What becomes of the newest applied migration when its file is edited: `rollback` takes it back with the rollback that was stored,
   * if that is proved on a copy to restore the schema, and applies the new text; `ask` asks `confirm` before; `replay` makes a new
   * database from all migrations up to the new text and puts it in the place of the old one, whose rows are gone and whose other sessions are
   * ended; `refuse` leaves it and says so. Databases that Poststack does not run itself are never touched in this way. @default 'rollback'
   */
  readonly onEdit?: OnEdit | undefined
  /**
   * Asked before migrations whose files are gone are taken back. When files change before it has answered, the signal is given and the answer counts
   * no more: whether anything is to be taken back is then found anew, and asked anew. @default nobody agrees
   */
  readonly confirm?: ConfirmTakeBack | undefined
  /** Gets what became of each run. @default nobody */
  readonly onOutcome?: ((outcome: Outcome) => void) | undefined
}

export interface MigrateStackOptions extends DatabaseChoice, CallOptions {
  /** The last version to apply, in digits. @default all */
  readonly target?: string | undefined
}

export interface DownOptions extends CallOptions {
  /** Delete the volumes, too. @default false */
  readonly volumes?: boolean | undefined
  /** Asked with the exact plan before anything is deleted; without it, or when it says no, nothing is done: `CONSENT_NEEDED`. */
  readonly confirm?: ((plan: Plan) => Promise<boolean>) | undefined
}

export interface StartOptions extends Omit<UpOptions, 'pull' | 'confirm'> {
  /** Host port of the PostgreSQL service for this start, instead of the declared one. */
  readonly postgresPort?: number | undefined
}

export interface StopOptions extends CallOptions {
  /** Services or containers; all that are declared when empty. */
  readonly names?: readonly string[] | undefined
  /** What is no longer declared, too. @default false */
  readonly all?: boolean | undefined
}

export interface RemoveOptions extends CallOptions {
  /** What runs, too. @default false */
  readonly force?: boolean | undefined
}

export interface ProgramOptions extends CallOptions {
  /** Whether somebody types into it. */
  readonly terminal: boolean
}

export interface VariablesOptions extends DatabaseChoice {
  /**
   * They are for a program that is run now: fails with `NOT_RUNNING` where a server of the stack does not run and something else listens at
   * its address. @default false: that is a warning
   */
  readonly forProgram?: boolean | undefined
}

export interface PsqlOptions extends CallOptions {
  /** Name of the PostgreSQL service; needed only where there are several. */
  readonly service?: string | undefined
  /** Any database of that server. @default the declared one */
  readonly database?: string | undefined
  /** Further arguments of psql. */
  readonly args?: readonly string[] | undefined
  /** Whether somebody types into it. @default false */
  readonly terminal?: boolean | undefined
}

export interface ScriptOptions {
  /** A TypeScript or JavaScript file, relative to the folder that the stack was opened from. */
  readonly file: string
  readonly args?: readonly string[] | undefined
  /** Any database of the server that is meant. @default the declared one */
  readonly database?: string | undefined
  /** Which PostgreSQL service `stack.db` and `DATABASE_URL` mean; needed only where there are several. */
  readonly service?: string | undefined
}

/** A script that was made ready; it is started like any other program. */
export interface ScriptProgram extends AttachedProgram {
  /** Once it has ended: what it was not allowed to do, or could not do because a service is not up, if that has ended it. */
  failure(): PoststackError | undefined
  /** Removes what was made for it, once it has ended. */
  close(): Promise<void>
}

export interface LogsOptions extends CallOptions {
  /** Services or containers by name; all that are declared when empty. */
  readonly services?: readonly string[] | undefined
  /** How many lines of each that are there already; all when undefined. */
  readonly tail?: number | undefined
  readonly since?: Date | undefined
  /** Go on until all of them have ended. @default false */
  readonly follow?: boolean | undefined
  /** Stops following, as the end of what was asked for. @default never */
  readonly until?: AbortSignal | undefined
  readonly onLine: (line: ServiceLogLine) => void
}

export interface ServiceLogLine extends LogLine {
  readonly service: string
  readonly container: string
}

export interface ServiceHealth {
  readonly service: string
  /** It answers as its dependants need it, or has done its work. */
  readonly healthy: boolean
  readonly state: ServiceStatus['state']
  readonly container?: string
  /** Why not, in a sentence. */
  readonly reason?: string
  /** What to do about it. */
  readonly hint?: string
  readonly exitCode?: number
  /** The last lines of its output, where it is not healthy. */
  readonly logs: readonly string[]
}

export interface ListedContainer extends Pick<ObservedContainer, 'name' | 'state' | 'exitCode' | 'ports'> {
  readonly service: string
  /** The image it was made from, as its label says. */
  readonly image: string | undefined
  /** False: the config no longer has the service. */
  readonly declared: boolean
}

export interface ListedImage {
  readonly image: string
  /** Poststack's own, which all stacks share. */
  readonly shipped: boolean
  /** It is there, and built from the present files. */
  readonly built: boolean
}

export interface ContainerList {
  readonly stack: string
  readonly runtime: RuntimeName
  readonly containers: readonly ListedContainer[]
  /** What the stack builds. */
  readonly images: readonly ListedImage[]
}

export interface ImageBuildOptions extends CallOptions {
  /** Use nothing of an earlier build. @default false */
  readonly noCache?: boolean | undefined
}

/** The containers and images of a stack, apart from its migrations. Names are those of services or of their containers. */
export interface Containers {
  /** As `up` does, but nothing is migrated, and what is no longer declared is left alone. */
  start(options?: StartOptions): Promise<Outcome>
  /** Stops what runs of these, or of all declared ones; with `all` also what is no longer declared. */
  stop(options?: StopOptions): Promise<Outcome>
  /** Stops these and starts them again, dependants last; what they depend on is started where it does not run. */
  restart(options?: UpOptions): Promise<Outcome>
  /** Removes containers, never volumes. What runs is refused without `force`: `CONSENT_NEEDED`. */
  remove(names: readonly string[], options?: RemoveOptions): Promise<Outcome>
  /** What runs, and where. Migrations are not looked at. */
  status(options?: CallOptions): Promise<StackStatus>
  list(options?: CallOptions): Promise<ContainerList>
  /** Asks each service now. */
  health(services?: readonly string[], options?: CallOptions): Promise<readonly ServiceHealth[]>
  /** Gives lines as they come, in the order of their times as far as these are known. */
  logs(options: LogsOptions): Promise<void>
  /** The program that runs a command in the container of a service. Fails with `NOT_RUNNING`. */
  program(service: string, command: readonly string[], options: ProgramOptions): Promise<AttachedProgram>
  /** Builds images that Poststack brings. */
  build(options: ImageBuildOptions & { readonly image: 'postgres' | 'base-debian' | 'all' }): Promise<Outcome>
  /** Builds the project's own images: of the services, and of each folder with a Dockerfile under `containers/`. */
  buildProject(options?: ImageBuildOptions & { readonly container?: string | undefined }): Promise<Outcome>
  /** What `clean` would do. */
  planClean(options?: Partial<Pick<DownOptions, 'volumes' | 'signal'>>): Promise<Plan>
  /** Removes stopped containers, the network when nothing is on it, and images of older files. */
  clean(options?: DownOptions): Promise<Outcome>
}
