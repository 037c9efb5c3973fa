#!/usr/bin/env node
import { main } from '../dist/xtestbed/main.js';

await main(process.argv);
