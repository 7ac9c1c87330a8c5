/** Sizes as a config says them. */

const units: Readonly<Record<string, number>> = { kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 }

/** Bytes in a text such as `512MB`; nothing when it is no size. */
export function bytesOf(text: string): number | undefined {
  const [, digits = '', unit = ''] = /^(\d{1,9})\s?([kmg]b)$/i.exec(text) ?? []
  const factor = units[unit.toLowerCase()]
  return factor === undefined || Number(digits) === 0 ? undefined : Number(digits) * factor
}

/** The same, in the largest unit that says it exactly. */
export function sizeText(bytes: number): string {
  const fitting = Object.entries({ GB: 1024 ** 3, MB: 1024 ** 2, kB: 1024 }).find(([, factor]) => bytes % factor === 0)
  return fitting === undefined || bytes === 0 ? `${String(bytes)} bytes` : `${String(bytes / fitting[1])}${fitting[0]}`
}

interface DeclaredLimits {
  readonly memory: string | undefined
  readonly cpus: number | undefined
  readonly shmSize: string | undefined
}

/** What an engine is to grant, in its own units; processors as fine as engines count them. */
export function limitsOf({ memory, cpus, shmSize }: DeclaredLimits): {
  readonly memoryBytes?: number
  readonly cpus?: number
  readonly shmBytes?: number
} {
  return {
    ...(memory !== undefined && { memoryBytes: bytesOf(memory) ?? 0 }),
    ...(cpus !== undefined && { cpus: Math.round(cpus * 1e9) / 1e9 }),
    ...(shmSize !== undefined && { shmBytes: bytesOf(shmSize) ?? 0 }),
  }
}
