/** The memory that a process uses, Buffers and all: V8 limits its heap alone, and Node knows no limit of the process. */
import { readFileSync } from 'node:fs'

const everyMs = 100

/** Calls back, once, when it uses more. Returns what stops looking. Only Linux tells it of another process without a program to ask. */
export function watchMemory(pid: number | undefined, megabytes: number, onMore: () => void): () => void {
  const timer = setInterval(() => {
    if (kilobytesOf(pid) < megabytes * 1024) return
    clearInterval(timer)
    onMore()
  }, everyMs)
  return () => clearInterval(timer)
}

function kilobytesOf(pid: number | undefined): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'latin1'))?.[1] ?? 0)
  } catch {
    return 0
  }
}
