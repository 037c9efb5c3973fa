#!/usr/bin/env node
import { main } from '../dist/xtraceroute/main.js';

await main(process.argv);
