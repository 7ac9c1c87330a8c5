/** Node's own modules, by whether it is known what a config gets from them. */

/** These give the same for the same, or only what is told them. The streams of a config's process are nothing, and pipes. */
const pure = `assert assert/strict async_hooks buffer console constants diagnostics_channel domain events path path/posix path/win32
  punycode querystring readline readline/promises stream stream/consumers stream/promises stream/web string_decoder sys timers
  timers/promises tty url util util/types zlib`
/** What of these differs from time to time is heard of when it is called: `child/untracked.ts`. */
const watched = `child_process crypto dgram dns dns/promises fs fs/promises http http2 https module net os process tls vm worker_threads`
const followed = new Set(`${pure} ${watched}`.split(/\s+/))

/** Whether all that a config can learn from this module is known. */
export function isFollowed(builtin: string): boolean {
  return followed.has(builtin.replace(/^node:/, ''))
}
