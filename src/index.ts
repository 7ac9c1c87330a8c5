/** The public API. A config imports this file each time it is loaded, so nothing third-party may be imported here. */
export { container, defineConfig, postgres } from './config/define.ts'
export { ExitCode, PoststackError, isPoststackError } from './errors.ts'
export type {
  ConfigExport,
  ContainerService,
  DefineContext,
  PostgresService,
  ServiceMap,
  StackConfig,
} from './config/define.ts'
export type {
  BuildOptions,
  Condition,
  ContainerOptions,
  EnvValue,
  ExternalPostgresOptions,
  ManagedPostgresOptions,
  PortOptions,
  PostgresOptions,
  ReadyOptions,
  Reference,
  RuntimeChoice,
  VolumeOptions,
} from './config/options.ts'
export type { ErrorCode, ErrorDetails, PoststackErrorOptions } from './errors.ts'
