#!/usr/bin/env node
import { main } from '../dist/xdump/main.js';

await main(process.argv);
