import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Starts the database server, and prepares the template that each test gets a copy of.
  test: { globalSetup: 'poststack/vitest/setup' },
})
