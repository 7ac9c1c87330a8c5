/** Puts functions in the place of others that do the same and say so. */

type Functions = Record<string, unknown>
/** Hears which function was called, and with what. */
type NoteCall = (name: string, words: readonly unknown[]) => void

export function functionsOf(holder: object): readonly string[] {
  return Object.keys(holder).filter((name) => {
    const { value } = Object.getOwnPropertyDescriptor(holder, name) ?? {}
    return typeof value === 'function' && /^[a-z]/.test(name)
  })
}

export function replaceIn(holder: object, names: readonly string[], module: string, note: NoteCall): void {
  for (const name of names) {
    const value = (holder as Functions)[name]
    if (typeof value !== 'function') continue
    const told = `${module}.${name}`
    // `realpath.native`, `hrtime.bigint`
    replaceIn(value, functionsOf(value), told, note)
    const watched = replacement(value as (...words: unknown[]) => unknown, (words) => note(told, words))
    Object.defineProperty(holder, name, { value: watched, configurable: true, enumerable: true, writable: true })
  }
}

/** What is read is what is made of it. */
export function replaceGetter(holder: unknown, name: string, made: (value: unknown) => unknown): void {
  const own = Object.getOwnPropertyDescriptor(holder ?? {}, name)
  if (own === undefined) return
  Object.defineProperty(holder, name, {
    ...own,
    get(this: unknown): unknown {
      return made(own.get?.call(this))
    },
  })
}

/** A property, or what is read as one, whose reading is heard of. */
export function watchProperty(holder: object, name: string, note: () => void): void {
  const own = Object.getOwnPropertyDescriptor(holder, name)
  if (own === undefined) return
  const accessor = own.get === undefined ? { enumerable: own.enumerable ?? false, configurable: true } : own
  Object.defineProperty(holder, name, {
    ...accessor,
    get(this: unknown): unknown {
      note()
      return own.get === undefined ? own.value : own.get.call(this)
    },
  })
}

/** The same function, with its properties. */
export function replacement<Call extends (...words: never[]) => unknown>(
  call: Call,
  note: (words: readonly unknown[]) => void,
): Call {
  return new Proxy(call, {
    apply(target, self, words) {
      note(words)
      return Reflect.apply(target, self, words)
    },
    construct(target, words, newTarget) {
      note(words)
      return Reflect.construct(target, words, newTarget) as object
    },
  })
}
