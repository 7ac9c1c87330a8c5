/**
 * What an engine says when it will not, as errors. Pure. The engines agree on few status codes, so their texts are read too.
 */
import { PoststackError } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'
import { addressHint, messageOf } from './engine-http.ts'
import type { EngineAnswer } from './engine-http.ts'

type Refusal = Pick<EngineAnswer, 'status' | 'body'>

/** What we wanted, and the engine's own words. */
export function refusal(what: string, answer: Refusal, code: ErrorCode = 'ENGINE_REFUSED'): PoststackError {
  // Engines say why as JSON; what stands in between and speaks for them does not.
  const isOfOther = answer.body.toString('utf8', 0, 100).trimStart().startsWith('<')
  return new PoststackError(code, `${what}: ${messageOf(answer)}`, {
    hint: isOfOther ? addressHint : undefined,
    details: { status: answer.status },
  })
}

/**
 * The same for a container that was not made or did not start, without what the layers of an engine say of each other; and what to do about the
 * usual reasons.
 */
export function containerRefusal(what: string, answer: Refusal): PoststackError {
  const message = messageOf(answer)
  const reason = message
    .replace(/^.*(?:unable to start container process|crun): /s, '')
    .replace(
      /^driver failed programming external connectivity on endpoint \S+ \(\w+\): (?:Error starting userland proxy: )?/,
      '',
    )
    .replace(/^(?:container create|fill out specgen): /, '')
    .replace(/: unknown$|: OCI .*$/s, '')
  const known = containerHints.find(({ pattern }) => pattern.test(reason))
  const { hint } = refusal(what, answer)
  return new PoststackError('ENGINE_REFUSED', `${what}: ${reason}`, {
    hint: known?.hint ?? hint,
    details: { status: answer.status, message },
  })
}

const containerHints: readonly { readonly pattern: RegExp; readonly hint: string }[] = [
  {
    pattern: /executable file|exec.*no such file or directory|executable path/i,
    hint: 'What it is to run is not in the image: check `command` and `entrypoint`, and that the build copies the file.',
  },
  {
    pattern: /exec.*(?:permission denied|is a directory)/i,
    hint: 'What it is to run cannot be executed: it is a folder, or not marked executable. Check `command` and `entrypoint`, and the mode of the file in the image.',
  },
  {
    pattern: /exec format error/i,
    hint: "It is built for another processor, or a script without a `#!` line. Use an image of this machine's architecture.",
  },
  {
    pattern: /unable to find user|no users found|no matching entries in passwd/i,
    hint: 'The image does not have the `user` of the service: use one that it has, or a number.',
  },
  {
    pattern: /error mounting.*not a directory|directory onto a file/i,
    hint: 'Of `bind` and `target` of one of its `volumes`, one is a folder and the other one a file.',
  },
  {
    pattern: /mkdir: .* is not a directory|workdir .* is not a directory/i,
    hint: 'The `workdir` of the service is a file in the image.',
  },
  {
    pattern: /unknown capability/i,
    hint: 'Check `capAdd` and `capDrop`: NET_ADMIN, SYS_PTRACE and the like, as `man capabilities` has them.',
  },
  { pattern: /invalid signal/i, hint: 'Check `stopSignal`: SIGTERM, SIGINT, SIGQUIT and the like.' },
  { pattern: /range of cpus is from/i, hint: 'Lower `cpus` of the service, or give the engine more.' },
  {
    pattern: /cannot assign requested address/i,
    hint: 'A `hostAddress` of its `ports` is none of this machine: leave it out, or use one that the machine has.',
  },
  {
    pattern: /network \S+ is ambiguous/,
    hint: 'Two networks have this name. `docker network ls` shows both: remove the one that nothing uses, by its id.',
  },
]

/** 409 in Docker, 500 with a text in podman. */
export function isNameConflict(answer: Refusal): boolean {
  return answer.status >= 400 && /\bname\b.*\balready in use\b/i.test(messageOf(answer))
}

export function nameTaken(kind: 'container' | 'network' | 'volume', name: string): PoststackError {
  return new PoststackError('NAME_TAKEN', `A ${kind} named ${name} is there already.`, {
    hint: 'Remove or rename it, or give the stack or the service another name.',
    details: { kind, name },
  })
}

/** The error for a start that failed because a port is held; nothing when it failed for another reason. */
export function portConflict(container: string, answer: Refusal): PoststackError | undefined {
  const message = messageOf(answer)
  if (!/address already in use|port is already allocated|ports are not available/i.test(message)) return undefined
  const port = portPattern.exec(message)?.[1]
  return portInUse(container, port === undefined ? undefined : Number(port), message)
}

export function portInUse(container: string, port: number | undefined, reason: string): PoststackError {
  const which = port === undefined ? 'A port' : `Port ${String(port)}`
  return new PoststackError('PORT_IN_USE', `${which} that container ${container} publishes is in use: ${reason}`, {
    hint: 'Stop what holds the port, or give the service another one.',
    details: { container, ...(port === undefined ? {} : { port }) },
  })
}

// `listen tcp4 127.0.0.1:5432: bind: …`, `Bind for 0.0.0.0:5432 failed`, `bind host port 127.0.0.1:5432/tcp`
const portPattern = /(?:bind(?: host port)?(?: for)?|listen (?:tcp|udp)\d?) (?:\[[^\]]*\]|[^\s:[]*):(\d{1,5})\b/i
