/**
 * The labels that make an object ours. They are a format: other versions of Poststack read them.
 */

const prefix = 'dev.poststack.'

export const label = {
  stack: `${prefix}stack`,
  /** Digest of the project's real path: two checkouts of one stack have different ones. */
  project: `${prefix}project`,
  /** The project's real path, for messages. */
  root: `${prefix}root`,
  service: `${prefix}service`,
  /** Key of a volume. */
  volume: `${prefix}volume`,
  /** Major version of the PostgreSQL whose data a volume holds. */
  postgres: `${prefix}postgres`,
  /** Which data of that key these are, from 0, which is left out: 1 for data made anew while something was remembered of those before. */
  generation: `${prefix}generation`,
  /** The job, or the hook, that an empty volume remembers. */
  job: `${prefix}job`,
  /** Digest of the spec with which that job has ended well; of a hook that is owed: `no`. */
  done: `${prefix}done`,
  /** On which data the job has ended well: canonical JSON of generations by key of the volume, those that are 0 left out. */
  data: `${prefix}data`,
  /** Canonical JSON of the container's spec, secrets as keyed digests. */
  spec: `${prefix}spec`,
  /** Fingerprint of what an image was built from. */
  fingerprint: `${prefix}fingerprint`,
} as const
